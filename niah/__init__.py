"""niah: does a language model really read its whole context?

``niah.sweep``, ``plan``, ``build``, ``haystack``, ``compare``, ``gate`` and ``power`` are explained
in ``niah.api``; all names are imported when they are first used, so that ``import niah`` costs
nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from niah.api import async_sweep, build, compare, gate, haystack, plan, power, sweep
    from niah.elsewhere import collect, import_prompts, import_results, merge, rescore
    from niah.errors import NiahError
    from niah.experiment.config import RunConfig
    from niah.run import Run, open_run
    from niah.share import page
    from niah.studies import effective

__version__ = "0.1.0"

_WHERE = {  # all others are in niah.api
    "NiahError": "niah.errors",
    "Run": "niah.run",
    "RunConfig": "niah.experiment.config",
    "collect": "niah.elsewhere",
    "effective": "niah.studies",
    "import_prompts": "niah.elsewhere",
    "import_results": "niah.elsewhere",
    "merge": "niah.elsewhere",
    "open_run": "niah.run",
    "page": "niah.share",
    "rescore": "niah.elsewhere",
}

__all__ = [
    "NiahError",
    "Run",
    "RunConfig",
    "async_sweep",
    "build",
    "collect",
    "compare",
    "effective",
    "gate",
    "haystack",
    "import_prompts",
    "import_results",
    "merge",
    "open_run",
    "page",
    "plan",
    "power",
    "rescore",
    "sweep",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_WHERE.get(name, "niah.api")), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
