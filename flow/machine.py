"""When and on what figures were measured, so that a table can say it."""

import datetime
import os
import platform

__all__ = ["available_cores", "measured"]


def available_cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def measured() -> dict[str, str | int | float]:
    """Date, processor, cores and memory (GiB) of this run."""
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "date": datetime.date.today().isoformat(),
        "processor": platform.machine(),
        "cores": available_cores(),
        "memory_gib": round(pages / 2**30, 1),
    }
