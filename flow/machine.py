"""When and on what figures were measured, so that a table can say it."""

import datetime
import os
import platform

__all__ = ["measured"]


def measured() -> dict[str, str | int | float]:
    """Date, processor, cores and memory (GiB) of this run."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "date": datetime.date.today().isoformat(),
        "processor": platform.machine(),
        "cores": cores or 1,
        "memory_gib": round(pages / 2**30, 1),
    }
