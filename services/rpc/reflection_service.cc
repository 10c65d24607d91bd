#include "services/rpc/reflection_service.h"

#include <memory>
#include <set>
#include <utility>

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/async_stream.h>

#include "services/rpc/tag.h"

namespace smartbatch::rpc {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::DescriptorPool;
using google::protobuf::FieldDescriptor;
using google::protobuf::FileDescriptor;
using grpc::reflection::v1alpha::ExtensionRequest;
using grpc::reflection::v1alpha::FileDescriptorResponse;
using grpc::reflection::v1alpha::ServerReflectionRequest;
using grpc::reflection::v1alpha::ServerReflectionResponse;

void SetError(grpc::StatusCode code, const char* message, ServerReflectionResponse& response) {
  response.mutable_error_response()->set_error_code(code);
  response.mutable_error_response()->set_error_message(message);
}

// Adds the file and all that it imports, each once.
void AddFile(const FileDescriptor& file, std::set<std::string>& added, FileDescriptorResponse& files) {
  if (!added.insert(file.name()).second) return;
  google::protobuf::FileDescriptorProto described;
  file.CopyTo(&described);
  files.add_file_descriptor_proto(described.SerializeAsString());
  for (int i = 0; i < file.dependency_count(); ++i) AddFile(*file.dependency(i), added, files);
}

void SetFile(const FileDescriptor* file, const char* missing, ServerReflectionResponse& response) {
  if (file == nullptr) return SetError(grpc::StatusCode::NOT_FOUND, missing, response);
  std::set<std::string> added;
  AddFile(*file, added, *response.mutable_file_descriptor_response());
}

void SetFileOfExtension(const ExtensionRequest& asked, ServerReflectionResponse& response) {
  const DescriptorPool& pool = *DescriptorPool::generated_pool();
  const Descriptor* const type = pool.FindMessageTypeByName(asked.containing_type());
  if (type == nullptr) return SetError(grpc::StatusCode::NOT_FOUND, "Type not found.", response);
  const FieldDescriptor* const extension = pool.FindExtensionByNumber(type, asked.extension_number());
  SetFile(extension == nullptr ? nullptr : extension->file(), "Extension not found.", response);
}

void SetExtensionNumbers(const std::string& name, ServerReflectionResponse& response) {
  const DescriptorPool& pool = *DescriptorPool::generated_pool();
  const Descriptor* const type = pool.FindMessageTypeByName(name);
  if (type == nullptr) return SetError(grpc::StatusCode::NOT_FOUND, "Type not found.", response);
  std::vector<const FieldDescriptor*> extensions;
  pool.FindAllExtensions(type, &extensions);
  auto& numbers = *response.mutable_all_extension_numbers_response();
  numbers.set_base_type_name(name);
  for (const FieldDescriptor* const extension : extensions) numbers.add_extension_number(extension->number());
}

}  // namespace

ServerReflectionResponse Reflect(const ServerReflectionRequest& request, const std::vector<std::string>& services) {
  ServerReflectionResponse response;
  response.set_valid_host(request.host());
  *response.mutable_original_request() = request;
  const DescriptorPool& pool = *DescriptorPool::generated_pool();
  switch (request.message_request_case()) {
    case ServerReflectionRequest::kFileByFilename:
      SetFile(pool.FindFileByName(request.file_by_filename()), "File not found.", response);
      break;
    case ServerReflectionRequest::kFileContainingSymbol:
      SetFile(pool.FindFileContainingSymbol(request.file_containing_symbol()), "Symbol not found.", response);
      break;
    case ServerReflectionRequest::kFileContainingExtension:
      SetFileOfExtension(request.file_containing_extension(), response);
      break;
    case ServerReflectionRequest::kAllExtensionNumbersOfType:
      SetExtensionNumbers(request.all_extension_numbers_of_type(), response);
      break;
    case ServerReflectionRequest::kListServices:
      for (const std::string& service : services)
        response.mutable_list_services_response()->add_service()->set_name(service);
      break;
    default:
      SetError(grpc::StatusCode::UNIMPLEMENTED, "", response);
  }
  return response;
}

// One call: a question and its answer, again and again. Owns itself. It deletes itself when it is finished, or if the
// server stops before a caller comes. One operation is under way at any time.
class ReflectionService::Call {
 public:
  static void Await(ReflectionService& reflection) {
    std::unique_ptr<Call> owned(new Call(reflection));
    Call& call = *owned;
    call.self_ = std::move(owned);
    reflection.methods_.RequestServerReflectionInfo(&call.context_, &call.stream_, reflection.queue_, reflection.queue_,
                                                    &call.accepted_);
  }

 private:
  explicit Call(ReflectionService& reflection) : reflection_(reflection) { reflection_.open_calls_.Enter(); }

  void OnAccepted(bool ok) {
    if (!ok) return Leave();  // the server has stopped
    const bool has_room = reflection_.open_calls_.count() <= kMostCalls;
    Await(reflection_);
    if (has_room) return stream_.Read(&request_, &read_);
    stream_.Finish({grpc::StatusCode::RESOURCE_EXHAUSTED, "too many reflection calls are open; close one"}, &finished_);
  }
  void OnRead(bool ok) {
    if (!ok) return stream_.Finish(grpc::Status::OK, &finished_);  // the caller has no more questions, or has gone
    stream_.Write(Reflect(request_, reflection_.services_), &written_);
  }
  void OnWritten(bool ok) {
    if (!ok) return stream_.Finish(grpc::Status::OK, &finished_);
    stream_.Read(&request_, &read_);
  }
  void OnFinished(bool /*false if the caller had gone*/) { Leave(); }
  void Leave() {
    OpenCalls& open_calls = reflection_.open_calls_;
    std::exchange(self_, nullptr).reset();  // deletes this
    open_calls.Leave();
  }

  ReflectionService& reflection_;
  std::unique_ptr<Call> self_;
  grpc::ServerContext context_;
  ServerReflectionRequest request_;
  grpc::ServerAsyncReaderWriter<ServerReflectionResponse, ServerReflectionRequest> stream_{&context_};
  MemberTag<Call, &Call::OnAccepted> accepted_{*this};
  MemberTag<Call, &Call::OnRead> read_{*this};
  MemberTag<Call, &Call::OnWritten> written_{*this};
  MemberTag<Call, &Call::OnFinished> finished_{*this};
};

void ReflectionService::Serve(grpc::ServerCompletionQueue& queue, std::vector<std::string> services) {
  queue_ = &queue;
  services_ = std::move(services);
  Call::Await(*this);
}

}  // namespace smartbatch::rpc
