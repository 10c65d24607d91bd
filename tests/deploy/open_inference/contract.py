"""contract.py DESCRIPTORS MODULE: open_inference.proto says the same as the servers' own contracts do.

DESCRIPTORS is what protoc makes of our file, MODULE of Python has theirs. Every field must have the same number, name,
type and label there. Triton's must have all that ours has; others may lack what Triton adds.
"""
import importlib
import pathlib
import sys

from google.protobuf import descriptor_pb2, descriptor_pool

ALL = "tritonclient.grpc.service_pb2"


def form(field):
    return field.name, field.type, field.label, field.type_name


def compare(ours, name, known, differ):
    """Returns how many fields are in both."""
    theirs = descriptor_pb2.DescriptorProto()
    try:
        known.FindMessageTypeByName(name).CopyToProto(theirs)
    except KeyError:
        differ.append((name, "is missing"))
        return 0
    numbers = {field.number: form(field) for field in theirs.field}
    for field in ours.field:
        if field.number not in numbers:
            renumbered = field.name in (other.name for other in theirs.field)
            differ.append((f"{name}.{field.name}", "has another number there" if renumbered else "is missing"))
        elif numbers[field.number] != form(field):
            differ.append((f"{name}.{field.name}", f"is {form(field)} here and {numbers[field.number]} there"))
    both = sum(field.number in numbers for field in ours.field)
    return both + sum(compare(nested, f"{name}.{nested.name}", known, differ) for nested in ours.nested_type)


def calls(service):
    return {(call.name, call.input_type, call.output_type, call.client_streaming, call.server_streaming)
            for call in service.method}


def main(path, module):
    importlib.import_module(module)
    known, differ = descriptor_pool.Default(), []
    (ours,) = descriptor_pb2.FileDescriptorSet.FromString(pathlib.Path(path).read_bytes()).file
    both = sum(compare(message, f"inference.{message.name}", known, differ) for message in ours.message_type)
    if module == ALL:
        (service,) = ours.service
        theirs = descriptor_pb2.ServiceDescriptorProto()
        known.FindServiceByName(f"inference.{service.name}").CopyToProto(theirs)
        differ += [(call[0], "is another call there") for call in calls(service) - calls(theirs)]
    else:
        differ = [(name, how) for name, how in differ if how != "is missing"]
    for name, how in differ:
        print("FAIL", module, name, how)
    print(f"{'FAIL' if differ else 'ok  '} {module}: {both} fields are the same")
    return not differ and both > 50


sys.exit(0 if main(*sys.argv[1:]) else 1)
