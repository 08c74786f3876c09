"""Drawing BPMN from Python: elements on a grid, orthogonal flows, diagram information."""
