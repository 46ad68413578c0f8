"""The break-even of sparse rows for the network of a project, on its own samples."""

from spikewright.flow.break_even import CoreBreakEven, break_even
from spikewright.flow.chosen_plan import usual_mode
from spikewright.flow.cosim.golden import golden_streams
from spikewright.flow.performance import workload
from spikewright.flow.plan import default_plan
from spikewright.flow.progress import Working, silent
from spikewright.flow.project import Project
from spikewright.flow.sequences import encode_samples, unrolled
from spikewright.flow.stages import usual_steps
from spikewright.golden.spec import Encoding, Mode

__all__ = ["break_even_stage"]


def break_even_stage(
    project: Project,
    mode: Mode | None,
    lanes: tuple[int, ...] | None,
    *,
    samples: int,
    working: Working = silent,
) -> tuple[CoreBreakEven, ...]:
    """Costs of the cores with so many lanes, on the spikes of the project's first samples.

    ``lanes`` None are those that the weights were balanced for, where the network was pruned.
    """
    network = project.network
    if mode is None:
        mode = usual_mode(network)
    if lanes is None and "pruned" in project.summary:
        lanes = (project.summary["pruned"]["lanes"],)
    plan = default_plan(network, mode, lanes=lanes)
    given = project.samples.first(samples)
    values, keep = unrolled(network, encode_samples(network, given.x))
    events = network.inputs[0].encoding is Encoding.EVENTS
    steps = None if events or mode is not Mode.STEPWISE else usual_steps(network, (8,))[0]
    with working("break even"):
        streams = golden_streams(network, mode, values, steps, keep=keep)
        return break_even(network, plan, workload(network, plan, streams))
