"""Finding loops that would never let go: cycles in which nothing ever waits.

A token that enters such a cycle would keep the engine busy forever. Zeebe 8.5 refuses the ones
that hold a task; here a cycle of gateways alone is refused as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from phee.bpmn.model import Element, ElementType, Process
from phee.bpmn.problems import ProblemList

_PASS_THROUGH = frozenset(
    {
        ElementType.START_EVENT,
        ElementType.END_EVENT,
        ElementType.TASK,
        ElementType.MANUAL_TASK,
        ElementType.SUB_PROCESS,
        ElementType.CALL_ACTIVITY,
        ElementType.EXCLUSIVE_GATEWAY,
        ElementType.PARALLEL_GATEWAY,
    }
)
_LOOPS_REPORTED_MAX = 20

_Graph = dict[Element, list[Element]]


def check_loops(problems: ProblemList, processes: Iterable[Process]) -> None:
    """Note every straight-through loop (the first twenty) of the processes of a drawing."""
    by_id = {process.id: process for process in processes}
    graph: _Graph = {}
    for process in by_id.values():
        for element in process.elements.values():
            if _passes_through(element):
                graph[element] = [e for e in _next(element, by_id) if _passes_through(e)]
    for _ in range(_LOOPS_REPORTED_MAX):
        graph = _core(graph)
        if not graph:
            return
        loop = _walk(graph)
        path = " -> ".join(element.id for element in [*loop, loop[0]])
        message = f"Nothing waits in the loop {path}; put a task with a job, or a timer, into it"
        problems.add(loop[0].id, "straight-through-loop", message)
        for element in loop:
            del graph[element]


def _passes_through(element: Element) -> bool:
    if element.type is ElementType.SCRIPT_TASK:
        return element.script is not None
    return element.type in _PASS_THROUGH


def _next(element: Element, processes: Mapping[str, Process]) -> Iterable[Element]:
    """The elements that a token reaches in the same step."""
    if element.type is ElementType.SUB_PROCESS:
        return [] if element.none_start is None else [element.none_start]
    if element.type is ElementType.CALL_ACTIVITY:
        return _called_start(element, processes)
    if element.outgoing:
        return [flow.target for flow in element.outgoing]
    parent = element.parent
    if parent is not None and parent.type is ElementType.SUB_PROCESS:
        return [flow.target for flow in parent.outgoing]
    return []


def _called_start(element: Element, processes: Mapping[str, Process]) -> list[Element]:
    called = element.called_element
    process = None if called is None else processes.get(called.process_id.text)
    if process is None or process.root.none_start is None:
        return []
    return [process.root.none_start]


def _core(graph: _Graph) -> _Graph:
    """What is left when elements without a successor are peeled off, again and again."""
    targets = {e: [t for t in nexts if t in graph] for e, nexts in graph.items()}
    sources: _Graph = {e: [] for e in graph}
    for element, nexts in targets.items():
        for target in nexts:
            sources[target].append(element)
    left = {element: len(nexts) for element, nexts in targets.items()}
    dead = [element for element, count in left.items() if count == 0]
    while dead:
        for source in sources[dead.pop()]:
            left[source] -= 1
            if left[source] == 0:
                dead.append(source)
    return {e: [t for t in targets[e] if left[t] > 0] for e in graph if left[e] > 0}


def _walk(graph: _Graph) -> list[Element]:
    """One cycle of a graph in which every element has a successor."""
    path: dict[Element, int] = {}
    element = next(iter(graph))
    while element not in path:
        path[element] = len(path)
        element = graph[element][0]
    return list(path)[path[element] :]
