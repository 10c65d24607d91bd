#include "services/rpc/reflection_service.h"

#include <list>
#include <memory>
#include <set>

#include <gmock/gmock.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>

#include "tests/rpc/asked_server.h"

namespace smartbatch::rpc {
namespace {

using grpc::reflection::v1alpha::ServerReflection;
using grpc::reflection::v1alpha::ServerReflectionRequest;
using grpc::reflection::v1alpha::ServerReflectionResponse;
using ::testing::ElementsAre;
using ::testing::IsSupersetOf;

constexpr char kHealth[] = "grpc.health.v1.Health";

// The names of the files in an answer. Each file is described exactly as the program knows it.
std::set<std::string> FilesIn(const ServerReflectionResponse& response) {
  std::set<std::string> names;
  for (const std::string& bytes : response.file_descriptor_response().file_descriptor_proto()) {
    google::protobuf::FileDescriptorProto file;
    EXPECT_TRUE(file.ParseFromString(bytes));
    google::protobuf::FileDescriptorProto known;
    google::protobuf::DescriptorPool::generated_pool()->FindFileByName(file.name())->CopyTo(&known);
    EXPECT_EQ(bytes, known.SerializeAsString());
    EXPECT_TRUE(names.insert(file.name()).second) << file.name() << " comes twice";
  }
  return names;
}

TEST(Reflection, ListsTheServicesOfTheServer) {
  ServerReflectionRequest request;
  request.set_host("here");
  request.set_list_services("");
  const auto response = Reflect(request, {"a.Service", "b.Service"});
  ASSERT_EQ(response.list_services_response().service_size(), 2);
  EXPECT_EQ(response.list_services_response().service(0).name(), "a.Service");
  EXPECT_EQ(response.list_services_response().service(1).name(), "b.Service");
  EXPECT_EQ(response.valid_host(), "here");
  EXPECT_EQ(response.original_request().SerializeAsString(), request.SerializeAsString());
}

TEST(Reflection, FindsAFileByNameAndBySymbolWithAllThatItImports) {
  ServerReflectionRequest by_symbol;
  by_symbol.set_file_containing_symbol(kHealth);
  EXPECT_THAT(FilesIn(Reflect(by_symbol, {})), ElementsAre("grpc/health/v1/health.proto"));
  ServerReflectionRequest by_name;
  by_name.set_file_by_filename("google/rpc/error_details.proto");
  EXPECT_THAT(FilesIn(Reflect(by_name, {})),
              ElementsAre("google/protobuf/duration.proto", "google/rpc/error_details.proto"));
}

TEST(Reflection, KnowsTheExtensionsOfATypeAndTheirFiles) {
  // A type of protobuf's own: a message that may be extended, but is not in this program.
  ServerReflectionRequest numbers;
  numbers.set_all_extension_numbers_of_type("google.protobuf.FieldOptions");
  const auto all = Reflect(numbers, {});
  EXPECT_EQ(all.all_extension_numbers_response().base_type_name(), "google.protobuf.FieldOptions");
  EXPECT_EQ(all.all_extension_numbers_response().extension_number_size(), 0);
  ServerReflectionRequest extension;
  extension.mutable_file_containing_extension()->set_containing_type("google.protobuf.FieldOptions");
  extension.mutable_file_containing_extension()->set_extension_number(1);
  EXPECT_EQ(Reflect(extension, {}).error_response().error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST(Reflection, WhatIsUnknownIsNotFoundAndWhatIsNoQuestionIsUnimplemented) {
  ServerReflectionRequest request;
  EXPECT_EQ(Reflect(request, {}).error_response().error_code(), grpc::StatusCode::UNIMPLEMENTED);
  request.set_file_by_filename("no.proto");
  EXPECT_EQ(Reflect(request, {}).error_response().error_code(), grpc::StatusCode::NOT_FOUND);
  request.set_file_containing_symbol("no.Symbol");
  EXPECT_EQ(Reflect(request, {}).error_response().error_code(), grpc::StatusCode::NOT_FOUND);
  request.set_all_extension_numbers_of_type("no.Type");
  EXPECT_EQ(Reflect(request, {}).error_response().error_code(), grpc::StatusCode::NOT_FOUND);
  request.mutable_file_containing_extension()->set_containing_type("no.Type");
  EXPECT_EQ(Reflect(request, {}).error_response().error_code(), grpc::StatusCode::NOT_FOUND);
}

using Stream = grpc::ClientReaderWriter<ServerReflectionRequest, ServerReflectionResponse>;

ServerReflectionResponse AskServices(Stream& stream) {
  ServerReflectionRequest request;
  request.set_list_services("");
  EXPECT_TRUE(stream.Write(request));
  ServerReflectionResponse response;
  EXPECT_TRUE(stream.Read(&response));
  return response;
}

TEST(Reflection, ACallAsksAsOftenAsItLikesAndEndsWithoutAnError) {
  const testing::AskedServer server([](const grpc::ServerContext&) { return grpc::Status::OK; });
  const auto stub = ServerReflection::NewStub(testing::ChannelTo(server.address(), grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  const auto stream = stub->ServerReflectionInfo(&context);
  for (int i = 0; i < 3; ++i) {
    std::vector<std::string> names;
    const ServerReflectionResponse answer = AskServices(*stream);
    for (const auto& service : answer.list_services_response().service()) names.push_back(service.name());
    EXPECT_THAT(names, IsSupersetOf({kHealth, "grpc.reflection.v1alpha.ServerReflection",
                                     "smartbatch.classifier.v1.ClassifierService"}));
  }
  stream->WritesDone();
  EXPECT_TRUE(stream->Finish().ok());
}

TEST(Reflection, CallsBeyondTheMostAreRefusedAndThereIsRoomAgainWhenOthersEnd) {
  const testing::AskedServer server([](const grpc::ServerContext&) { return grpc::Status::OK; });
  const auto stub = ServerReflection::NewStub(testing::ChannelTo(server.address(), grpc::InsecureChannelCredentials()));
  {
    std::list<grpc::ClientContext> contexts;
    std::list<std::unique_ptr<Stream>> open;
    for (std::size_t i = 0; i < ReflectionService::kMostCalls; ++i) {
      open.push_back(stub->ServerReflectionInfo(&contexts.emplace_back()));
      AskServices(*open.back());
    }
    grpc::ClientContext context;
    const auto refused = stub->ServerReflectionInfo(&context);
    EXPECT_EQ(refused->Finish().error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
    for (const auto& stream : open) {
      stream->WritesDone();
      EXPECT_TRUE(stream->Finish().ok());
    }
  }
  // The last of them may still be on its way out.
  grpc::Status status;
  for (int i = 0; i < 100 && (i == 0 || !status.ok()); ++i) {
    grpc::ClientContext context;
    const auto stream = stub->ServerReflectionInfo(&context);
    stream->WritesDone();
    status = stream->Finish();
  }
  EXPECT_TRUE(status.ok()) << status.error_message();
}

}  // namespace
}  // namespace smartbatch::rpc
