"""The model of cycles beside the cycles that a co-simulation has counted."""

import time

from spikewright.flow.cosim.shares import usual_batch
from spikewright.flow.cycles import activity, estimate_cycles
from spikewright.flow.progress import Working, silent
from spikewright.flow.project import Project
from spikewright.flow.samples import Samples
from spikewright.flow.sequences import encode_samples, unrolled
from spikewright.flow.stages import hardware_plan
from spikewright.golden.errors import ConfigurationError, UnsupportedError
from spikewright.golden.spec import Mode

__all__ = ["estimate_stage"]


def estimate_stage(
    project: Project, mode: Mode, samples: Samples, *, working: Working = silent
) -> None:
    """Record the cycles that the planner's model gives for ``samples``, all that were co-simulated.

    They come in the same batches, so what is left is the model's error: ``estimate_error`` is
    estimated / counted - 1. Both are None where the model refuses the plan; neither is recorded of
    one sample, or where streams were made to wait.

    Raises
    ------
    ConfigurationError
        If the mode was not co-simulated, or on other samples than these.
    """
    start = time.perf_counter()
    network = project.network
    report = project.summary.get("cosim_modes", {}).get(str(mode))
    values, _ = unrolled(network, encode_samples(network, samples.x))
    if report is None or report["samples"] != len(values):
        raise ConfigurationError(
            f"{mode} must have been co-simulated on these {len(values)} samples",
            found="not at all" if report is None else str(report["samples"]),
            action="co-simulate first",
        )
    if len(values) < 2 or report["stalled"]:
        return
    every = report["reset_every"]
    figures: dict[str, float | None] = {"estimated_cycles": None, "estimate_error": None}
    with working(f"model of cycles {mode}"):
        traces = activity(
            network,
            mode,
            values,
            steps=report["steps"],
            keep=[k % every > 0 for k in range(1, len(values) + 1)] if every > 1 else None,
            batch=usual_batch(len(values)),
        )
        try:
            cycles = estimate_cycles(network, hardware_plan(project, mode), traces).cycles
        except UnsupportedError:
            pass  # that there is no figure is told
        else:
            figures["estimated_cycles"] = cycles
            figures["estimate_error"] = cycles / report["cycles_per_sample"] - 1
    report = report | figures
    modes = {**project.summary["cosim_modes"], str(mode): report}
    changed = {"cosim_modes": modes}
    if project.summary["cosim"]["mode"] == mode:
        changed["cosim"] = report
    project.record(changed, {f"estimate_{mode}": time.perf_counter() - start})
