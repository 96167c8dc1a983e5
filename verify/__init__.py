"""What convinced us: the kernel, the checks and the statistics that turn evidence into verdicts."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from verify.runner import run

__all__ = ["run"]


def __getattr__(name: str) -> Any:
    # `run` brings the whole machinery with it; the command line's light commands do without.
    if name == "run":
        from verify.runner import run

        return run
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
