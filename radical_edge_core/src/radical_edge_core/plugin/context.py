"""What a host hands to a plugin, and who is asking right now."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextvars import ContextVar
from pathlib import Path
from typing import Literal

from attrs import field, frozen

from radical_edge_core.caller import Caller
from radical_edge_core.plugin.keeping import KeepsDocuments
from radical_edge_core.schedulers import Schedulers


@frozen(kw_only=True)
class PluginContext:
    """
    What a plugin gets from its host.

    Attributes:
        edge: The edge's name; ``bridge`` where the bridge hosts the plugin.
        host: Which kind of process this is.
        name: The plugin's public name, which is its entry point's; empty where it is the class's own.
        config: The plugin's own table of the configuration.
        state_dir: The plugin's own folder (mode 0700, exists).
        job_dir: Where job folders are made; on a shared file system where a scheduler needs one.
        monotonic: The clock that idle times are measured with.
        publish: ``(plugin, topic, data, owner, durable, once=None)``; may be called from any thread, see
            ``Plugin.notify``.
        listening: ``(plugin, topic)``; whether anybody listens to an ephemeral topic.
        on_listening: ``(plugin, callback)``; the callback runs in the loop whenever ``listening`` may have
            changed.
        schedulers: The host's batch schedulers; one object for all its plugins, so that they share each answer.
    """

    edge: str
    host: Literal["edge", "bridge"]
    config: Mapping[str, object] = field(factory=dict)
    state_dir: Path
    job_dir: Path
    monotonic: Callable[[], float]
    publish: Callable[..., Future[None] | None]
    listening: Callable[[str, str], bool]
    on_listening: Callable[[str, Callable[[], None]], None]
    name: str = ""
    documents: KeepsDocuments | None = None
    schedulers: Schedulers = field(factory=Schedulers)


CALLER: ContextVar[Caller] = ContextVar("radical_edge_caller")


def current_caller() -> Caller:
    """
    Return who made the call that is being served, in the loop and in worker threads alike.

    Raises:
        LookupError: No call is being served here, as in a background task.
    """
    try:
        return CALLER.get()
    except LookupError:
        raise LookupError("no call is being served here, so there is no caller") from None
