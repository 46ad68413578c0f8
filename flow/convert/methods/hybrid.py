"""A trained network as the start of training in time.

Lin, Hu, Ma, Li and Yu, IEEE TNNLS 2024 (pre-training as a bridge); Chowdhury, Garg and Roy, IJCNN
2021 (spatial and temporal pruning). Trained as QCFS is; then leaky neurons, in every step of T::

    v = v - v / 8 + W (A s[t]) + b;   spike where v >= A;   v -= A s

and all weights, thresholds and leaks are tuned by back-propagation through those steps, rounded to
integers as the network has them (a leak to m / 2**8): the derivative of a spike is a surrogate's
(snnTorch). The leak is 1 - 2**-3 to begin with; those of the authors' codes (Lin's group in
``LIAF.py``: a learned sigmoid; Chowdhury's in IIR-SNN: learned for each layer) are not taken over,
nor is a hard reset. Lin et al. say that training from there takes 1/8 of the time on ImageNet-1K
and 1/2 on ES-ImageNet (abstract of the journal; 1/10 and 2/5 in arXiv 2203.01158).

``st-pruning`` takes channels out first: as many stay as principal components hold 99.9 % of the
variance of a layer's activations, and then tunes with fewer and fewer steps. The abstract (arXiv
2104.12528) says PCA of the average accumulated membrane potential, and steps that are reduced while
it trains; activations in place of membranes, the share, which channels stay (those that the others
are least like) and one step less at a time are this project's.
"""

from dataclasses import replace

from spikewright.flow.convert.method import Initial, Method, Negative, Neuron, Tuning

__all__ = ["HYBRID", "ST_PRUNING"]

HYBRID = Method(
    name="hybrid",
    title="trained quantised, then through time as leaky neurons",
    source="Lin, Hu, Ma, Li, Yu, IEEE TNNLS 2024",
    repeats=True,
    neuron=Neuron(initial=Initial.HALF, negative=Negative.NEVER, leak=3),
    tuning=Tuning.SURROGATE,
    levels=4,
)
ST_PRUNING = replace(
    HYBRID,
    name="st-pruning",
    title="as hybrid, with fewer channels (PCA) and, while it tunes, fewer steps",
    source="Chowdhury, Garg, Roy, IJCNN 2021",
    pruned=True,
)
