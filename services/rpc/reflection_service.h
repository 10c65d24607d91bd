// grpc.reflection.v1alpha.ServerReflection, served from a completion queue.
#pragma once

#include <string>
#include <vector>

#include <grpcpp/completion_queue.h>
#include <grpcpp/server_builder.h>

#include "grpc/reflection/v1alpha/reflection.grpc.pb.h"
#include "services/rpc/open_calls.h"

namespace smartbatch::rpc {

// The answer to a question about the program's descriptors. `services` are the names of the server's services. A pure
// function.
grpc::reflection::v1alpha::ServerReflectionResponse Reflect(
    const grpc::reflection::v1alpha::ServerReflectionRequest& request, const std::vector<std::string>& services);

// The reflection service. gRPC's own takes a thread for each of its calls.
// Use: RegisterWith a builder, start the server, Serve() once, shut the server down, WaitForCalls() while the queue is
// still served. Not thread safe.
class ReflectionService {
 public:
  // How many calls may be open at once. One more is refused with RESOURCE_EXHAUSTED: a call may stay open without a
  // question, and takes memory.
  static constexpr std::size_t kMostCalls = 100;

  ReflectionService() = default;
  ~ReflectionService() = default;
  ReflectionService(const ReflectionService&) = delete;
  ReflectionService& operator=(const ReflectionService&) = delete;

  void RegisterWith(grpc::ServerBuilder& builder) { builder.RegisterService(&methods_); }
  // `services` are the full names of the server's services.
  void Serve(grpc::ServerCompletionQueue& queue, std::vector<std::string> services);
  // Requires: the server has been shut down. Returns when no call is left.
  void WaitForCalls() { open_calls_.WaitForNone(); }

 private:
  class Call;

  grpc::reflection::v1alpha::ServerReflection::AsyncService methods_;
  grpc::ServerCompletionQueue* queue_ = nullptr;
  std::vector<std::string> services_;
  OpenCalls open_calls_;
};

}  // namespace smartbatch::rpc
