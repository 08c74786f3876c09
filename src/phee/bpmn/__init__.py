"""phee.bpmn."""
