"""The groups Sagemaker and Vertex: hosting services whose ports do not exist here."""

from functools import partial

from triton_lite.options.option import Option, Scope, Support
from triton_lite.options.values import boolean, count, integer, pair, port, text

_refused = partial(Option, scope=Scope.SERVER, support=Support.REFUSED)
_sagemaker = partial(_refused, group="Sagemaker", note="The port of SageMaker is not part of this server.")
_vertex = partial(_refused, group="Vertex", note="The port of Vertex AI is not part of this server.")

OPTIONS = (
    _sagemaker("allow-sagemaker", parse=boolean, default=False, value="BOOL", help="Answer requests of SageMaker."),
    _sagemaker("sagemaker-port", parse=port, default=8080, value="PORT", help="The port for SageMaker."),
    _sagemaker(
        "sagemaker-safe-port-range",
        parse=pair(integer, integer, "-"),
        default=None,
        value="LOW-HIGH",
        help="The ports that other services may have beside SageMaker.",
    ),
    _sagemaker("sagemaker-thread-count", parse=count, default=8, value="COUNT", help="Threads for SageMaker."),
    _vertex("allow-vertex-ai", parse=boolean, default=False, value="BOOL", help="Answer requests of Vertex AI."),
    _vertex("vertex-ai-port", parse=port, default=8080, value="PORT", help="The port for Vertex AI."),
    _vertex("vertex-ai-thread-count", parse=count, default=8, value="COUNT", help="Threads for Vertex AI."),
    _vertex(
        "vertex-ai-default-model", parse=text, default="", value="NAME", help="The model for requests without one."
    ),
)
