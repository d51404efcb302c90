"""Expressions that the model `probe` evaluates: the module of the API as a model sees it."""

from __future__ import annotations

_T = "pb_utils.Tensor('A', np.arange(4, dtype=np.float32))"
_REQUEST = "pb_utils.InferenceRequest(model_name='m', inputs=[], requested_output_names=['b', 'a']"

_COUNTER = (
    "keep(keep(pb_utils.MetricFamily(name='probe', description='d', kind=pb_utils.MetricFamily.COUNTER))"
    ".Metric(labels={'a': 'b'}))"
)

EXPRESSIONS = [
    # Tensors.
    f"({_T}.name(), {_T}.shape(), {_T}.is_cpu(), {_T}.as_numpy().tolist(), str({_T}.as_numpy().dtype))",
    "pb_utils.Tensor('', np.zeros(1))",
    "pb_utils.Tensor(None, np.zeros(1))",
    "pb_utils.Tensor('A', None)",
    "pb_utils.Tensor('A', [1, 2])",
    "pb_utils.Tensor('A', np.zeros(1, np.complex64))",
    "pb_utils.Tensor('A', np.array(['text', b'bytes'], np.object_)).as_numpy().tolist()",
    "pb_utils.Tensor('A', np.array(['text'])).as_numpy().tolist()",
    "pb_utils.Tensor('A', np.array([b'bytes', b'x'])).as_numpy().tolist()",
    "pb_utils.Tensor('A', np.array([1, 'x'], np.object_)).as_numpy().tolist()",
    "pb_utils.Tensor('A', np.array(5, np.int8)).shape()",
    "pb_utils.Tensor('A', np.zeros((2, 0), np.int8)).shape()",
    "pb_utils.Tensor('A', np.arange(6, dtype=np.int32).reshape(2, 3).T).as_numpy().tolist()",
    "pb_utils.Tensor('A', np.arange(3, dtype='>i4')).as_numpy().tolist()",
    # DLPack.
    f"np.from_dlpack({_T}).tolist()",
    f"{_T}.__dlpack_device__()",
    f"type({_T}.to_dlpack()).__name__",
    f"pb_utils.Tensor.from_dlpack('B', {_T}).as_numpy().tolist()",
    f"pb_utils.Tensor.from_dlpack('B', {_T}.to_dlpack()).name()",
    "pb_utils.Tensor.from_dlpack('B', pb_utils.Tensor('A', np.array([True, False]))).as_numpy().tolist()",
    "pb_utils.Tensor.from_dlpack('', np.zeros(1))",
    "pb_utils.Tensor.from_dlpack('B', 'no tensor')",
    "pb_utils.Tensor('A', np.array(['x'], np.object_)).to_dlpack()",
    # Requests.
    f"sorted({_REQUEST}).requested_output_names())",
    f"{_REQUEST}).correlation_id()",
    f"{_REQUEST}, correlation_id='text').correlation_id()",
    f"{_REQUEST}, correlation_id=1.5)",
    f"{_REQUEST}, correlation_id=None)",
    f"{_REQUEST}, request_id='r', flags=3, timeout=9).timeout()",
    f"json.loads({_REQUEST}, parameters={{'a': 1, 'b': True, 'c': 'x'}}).parameters())",
    f"{_REQUEST}).parameters()",
    f"{_REQUEST}, parameters={{'a': 1.5}})",
    f"{_REQUEST}, parameters={{1: 'a'}})",
    f"{_REQUEST}, parameters={{'a': None}})",
    f"{_REQUEST}, model_version=None)",
    f"{_REQUEST}, flags=None)",
    f"{_REQUEST}, preferred_memory=pb_utils.PreferredMemory(pb_utils.TRITONSERVER_MEMORY_CPU)).inputs()",
    "pb_utils.InferenceRequest(model_name='m', inputs=[None], requested_output_names=[])",
    "pb_utils.InferenceRequest(model_name='m', inputs=None, requested_output_names=[])",
    "pb_utils.InferenceRequest(model_name=None, inputs=[], requested_output_names=[])",
    "pb_utils.InferenceRequest(model_name='m', inputs=[], requested_output_names=[None])",
    "pb_utils.InferenceRequest(model_name='m', inputs=[], requested_output_names=[''])",
    "pb_utils.InferenceRequest(inputs=[], requested_output_names=[])",
    "pb_utils.InferenceRequest(model_name='m', inputs=[])",
    f"{_REQUEST}, trace=request.trace()).trace().get_context()",
    f"{_REQUEST}).get_response_sender().send(pb_utils.InferenceResponse([]))",
    # Responses and errors.
    "pb_utils.InferenceResponse([None])",
    "pb_utils.InferenceResponse(output_tensors=None)",
    "pb_utils.InferenceResponse().output_tensors()",
    "pb_utils.InferenceResponse().has_error()",
    "pb_utils.InferenceResponse().error()",
    "pb_utils.InferenceResponse(error='a text')",
    "pb_utils.InferenceResponse(error=pb_utils.TritonError('e')).error().message()",
    "pb_utils.TritonError('e').code() == pb_utils.TritonError.INTERNAL",
    "pb_utils.TritonError('e', pb_utils.TritonError.NOT_FOUND).code() == pb_utils.TritonError.NOT_FOUND",
    "int(pb_utils.TritonError.CANCELLED)",
    "pb_utils.TritonError('e', 3)",
    "pb_utils.TritonError(None)",
    "issubclass(pb_utils.TritonModelException, Exception)",
    "pb_utils.get_output_tensor_by_name(pb_utils.InferenceResponse(error=pb_utils.TritonError('e')), 'X')",
    "[t.name() for t in pb_utils.InferenceResponse([pb_utils.Tensor('A', np.zeros(1))]).output_tensors()]",
    # What is said of types.
    "[str(pb_utils.triton_string_to_numpy('TYPE_' + t)) for t in ('BOOL', 'UINT64', 'FP16', 'FP64', 'STRING')]",
    "pb_utils.triton_string_to_numpy('TYPE_NONE')",
    "[pb_utils.numpy_to_triton_type(t) for t in (np.bool_, np.int8, np.float32, np.object_, np.bytes_)]",
    "pb_utils.numpy_to_triton_type(np.complex64)",
    "[np.dtype(pb_utils.triton_to_numpy_type(number)).name for number in (1, 5, 10, 12, 13)]",
    "pb_utils.triton_to_numpy_type(99)",
    "bytes(pb_utils.serialize_byte_tensor(np.array([b'ab', b'c'], np.object_)))",
    "pb_utils.deserialize_bytes_tensor(b'\\x02\\0\\0\\0ab\\x01\\0\\0\\0c').tolist()",
    # Constants.
    "[pb_utils.TRITONSERVER_REQUEST_FLAG_SEQUENCE_START, pb_utils.TRITONSERVER_REQUEST_FLAG_SEQUENCE_END]",
    "[pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL, pb_utils.TRITONSERVER_REQUEST_RELEASE_ALL,"
    " pb_utils.TRITONSERVER_REQUEST_RELEASE_RESCHEDULE]",
    # Logger.
    "pb_utils.Logger.log(None)",
    "pb_utils.Logger.log('x', 1)",
    "pb_utils.Logger.log_info(5)",
    "pb_utils.Logger.log_verbose('verbose')",
    # Metrics.
    "pb_utils.MetricFamily(name='probe_b', description='d', kind=5)",
    f"{_COUNTER}.value()",
    "keep(pb_utils.MetricFamily(name='probe', description='d', kind=pb_utils.MetricFamily.COUNTER)).Metric(labels=[1])",
    # Where a model is.
    "pb_utils.get_model_dir().rsplit('/', 2)[1:]",
    "pb_utils.get_model_dir() == args['model_repository'] + '/' + args['model_version']",
    "__import__('sys').argv",
    "__import__('model').__file__ == pb_utils.get_model_dir() + '/model.py'",
    "__import__('threading').current_thread() is __import__('threading').main_thread()",
    "(request.is_cancelled(), type(request.inputs()).__name__, type(request.parameters()).__name__)",
    "request.inputs()[0].as_numpy().flags.writeable",
    "[pb_utils.using_decoupled_model_transaction_policy(c) for c in"
    " ({}, {'model_transaction_policy': {}}, {'model_transaction_policy': {'decoupled': True}})]",
]
