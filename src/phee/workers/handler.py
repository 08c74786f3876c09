"""``@job``: a function becomes the handler of a job type.

What the function needs is read off its signature once: a class of variables means that only its
fields are fetched and that the function gets an instance of it, checked.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, get_type_hints

import msgspec

from phee.errors import InvalidInput
from phee.gateway.backoff import Backoff
from phee.workers.job import Job

Function = Callable[..., Any]

DEFAULT_TIMEOUT_MS = 30_000
DEFAULT_MAX_ACTIVE = 32
DEFAULT_RETRIES = 3


@dataclasses.dataclass(frozen=True, slots=True)
class JobHandler:
    """A function that does jobs, and how to serve it.

    Attributes:
        type: the job type it does.
        function: what was decorated; calling the handler calls it.
        variables_type: the class its variables are read into; None if it takes only the job.
        fetch_variables: the names it needs; empty means all.
        timeout_ms: how long a worker owns a job.
        max_active: jobs of this handler at once, in one worker.
        retries: what the drawing gives each job; the back-off counts tries from there.
        backoff: the waits between tries.
        is_async: whether the function is a coroutine; others run in a thread.
    """

    type: str
    function: Function
    variables_type: Any
    fetch_variables: tuple[str, ...]
    timeout_ms: int = DEFAULT_TIMEOUT_MS
    max_active: int = DEFAULT_MAX_ACTIVE
    retries: int = DEFAULT_RETRIES
    backoff: Backoff = dataclasses.field(default_factory=Backoff)
    is_async: bool = True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(*args, **kwargs)

    def arguments(self, job: Job) -> tuple[Any, ...]:
        """What to call the function with.

        Raises:
            InvalidInput: the job's variables do not fit the declared class.
        """
        if self.variables_type is None:
            return (job,)
        try:
            return (job, msgspec.convert(job.variables, self.variables_type, str_keys=True))
        except msgspec.ValidationError as error:
            raise InvalidInput(
                f"The variables of job type {job.type!r} do not fit "
                f"{_name(self.variables_type)}: {error}",
                where=f"element {job.element_id} of {job.bpmn_process_id}",
                fix="Correct the variables, then resolve the incident",
            ) from None


def job(
    type: str,  # noqa: A002 - the word of the protocol
    *,
    timeout_ms: int = DEFAULT_TIMEOUT_MS,
    max_active: int = DEFAULT_MAX_ACTIVE,
    retries: int = DEFAULT_RETRIES,
    backoff: Backoff | None = None,
) -> Callable[[Function], JobHandler]:
    """Make a function the handler of jobs of ``type``.

    The function takes the :class:`Job` and, if it declares a second parameter, the variables: as a
    ``msgspec.Struct``, a dataclass or a ``TypedDict`` (only the fields are fetched), or as a
    ``dict`` (all are). It returns the variables that go into the flow: such a class, a mapping or
    None. It may be ``async`` (preferred) or not (then it runs in a thread).

    Raises:
        InvalidInput: the signature or a setting makes no sense.
    """
    if not type or timeout_ms < 1 or max_active < 1 or retries < 1:
        raise InvalidInput(
            f"A handler needs a job type, and a timeout, max_active and retries of at least 1: "
            f"{type!r}, {timeout_ms}, {max_active}, {retries}",
            fix="Correct the arguments of @job",
        )

    def decorate(function: Function) -> JobHandler:
        variables_type = _variables_type(function)
        return JobHandler(
            type=type,
            function=function,
            variables_type=variables_type,
            fetch_variables=_field_names(variables_type),
            timeout_ms=timeout_ms,
            max_active=max_active,
            retries=retries,
            backoff=backoff or Backoff(),
            is_async=inspect.iscoroutinefunction(function),
        )

    return decorate


def _variables_type(function: Function) -> Any:
    parameters = list(inspect.signature(function).parameters.values())
    if not 1 <= len(parameters) <= 2:
        raise InvalidInput(
            f"A handler takes the job and, if it needs them, the variables; "
            f"{function.__qualname__} takes {len(parameters)} parameters",
            fix="Write it as (job) or (job, variables)",
        )
    if len(parameters) == 1:
        return None
    try:
        hints = get_type_hints(function)
    except NameError as error:
        raise InvalidInput(
            f"The types of {function.__qualname__} cannot be read: {error}",
            fix="Define its classes at the top of the module, and import them at run time",
        ) from None
    return hints.get(parameters[1].name, dict[str, Any])


def _field_names(variables_type: Any) -> tuple[str, ...]:
    """The names of the variables that ``variables_type`` can take, as they are in the flow."""
    if variables_type is None or not isinstance(variables_type, type):
        return ()
    if issubclass(variables_type, msgspec.Struct):
        return variables_type.__struct_encode_fields__
    if dataclasses.is_dataclass(variables_type):
        return tuple(field.name for field in dataclasses.fields(variables_type))
    if issubclass(variables_type, dict):
        return tuple(getattr(variables_type, "__annotations__", {}))
    return ()


def _name(variables_type: Any) -> str:
    return getattr(variables_type, "__name__", str(variables_type))


def result_variables(result: Any) -> dict[str, Any]:
    """What a handler returned, as variables; exact decimals become text, digit for digit.

    Raises:
        InvalidInput: it is not an object with named members, or holds what JSON cannot.
    """
    if result is None:
        return {}
    try:
        variables = msgspec.to_builtins(result, str_keys=True)
    except TypeError as error:
        raise _no_variables(str(error)) from None
    if not isinstance(variables, Mapping):
        raise _no_variables(f"got {type(result).__name__}")
    return dict(variables)


def _no_variables(reason: str) -> InvalidInput:
    return InvalidInput(
        f"A handler must return variables: {reason}",
        fix="Return a Struct, a dataclass, a mapping with JSON values, or None",
    )


async def call(handler: JobHandler, job: Job, in_thread: Callable[..., Awaitable[Any]]) -> Any:
    """Run the handler's function on ``job``; ``in_thread`` runs one that is not a coroutine."""
    arguments = handler.arguments(job)
    if handler.is_async:
        return await handler.function(*arguments)
    return await in_thread(handler.function, *arguments)
