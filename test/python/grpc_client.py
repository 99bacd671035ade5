"""What a Python client sees: lists, submits, watches to the end, goes on in the middle, reads an error, asks for the services.

Usage: grpc_client.py ADDRESS, with the code that grpcio-tools generates on the path. Prints JSON.
"""

import json
import sys

import grpc
from google.protobuf.descriptor_pool import DescriptorPool
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from grpc_status import rpc_status

import trainyard_pb2
import trainyard_pb2_grpc

channel = grpc.insecure_channel(sys.argv[1])
yard = trainyard_pb2_grpc.TrainyardStub(channel)


def macro_tasks():
    request = trainyard_pb2.ListTasksRequest(filter_type=trainyard_pb2.MACROTASK)
    tasks = yard.ListTasks(request, timeout=10).tasks
    return {task.name: [task.task_type, task.requires_isolation] for task in tasks}


def run(pipeline):
    request = trainyard_pb2.PipelineRequest(pipeline_json=json.dumps(pipeline), user_id="somebody")
    key = [("idempotency-key", "once")]
    submitted = yard.SubmitPipeline(request, metadata=key)
    again = yard.SubmitPipeline(request, metadata=key)
    watch = lambda after: list(yard.WatchStatus(trainyard_pb2.WatchRequest(id=submitted.pipeline_id, after=after)))
    frames = watch(0)
    status = yard.GetStatus(trainyard_pb2.StatusRequest(id=submitted.pipeline_id))
    return {
        "same": submitted.pipeline_id == again.pipeline_id and len(submitted.task_ids) == 1,
        "types": [frame.type for frame in frames],
        "rest": [frame.seq for frame in watch(frames[1].seq)] == [frame.seq for frame in frames[2:]],
        "status": trainyard_pb2.TaskStatusEnum.Name(status.status),
        "outputs": json.loads(status.tasks[0].outputs_json),
    }


def error():
    try:
        yard.SubmitPipeline(trainyard_pb2.PipelineRequest(pipeline_json='{"nodes": [{"node_id": "a", "task_name": "x"}]}'))
    except grpc.RpcError as failed:
        info, wrong = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
        details = rpc_status.from_call(failed).details
        assert details[0].Unpack(info) and details[1].Unpack(wrong)
        return [failed.code().name, info.reason, wrong.field_violations[0].field]


def services():
    database = ProtoReflectionDescriptorDatabase(channel)
    service = DescriptorPool(database).FindServiceByName("trainyard.v1.Trainyard")
    return {"names": sorted(database.get_services()), "methods": sorted(method.name for method in service.methods)}


def health():
    request = health_pb2.HealthCheckRequest(service="trainyard.v1.Trainyard")
    return health_pb2.HealthCheckResponse.ServingStatus.Name(health_pb2_grpc.HealthStub(channel).Check(request).status)


pipeline = {"nodes": [{"node_id": "a", "task_name": "load_config"}]}
print(
    json.dumps(
        {
            "macro_tasks": macro_tasks(),
            "run": run(pipeline),
            "error": error(),
            "services": services(),
            "health": health(),
        }
    )
)
