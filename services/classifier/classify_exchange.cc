#include "services/classifier/classify_exchange.h"

#include <algorithm>
#include <iterator>
#include <string>

#include "services/rpc/raw_message.h"
#include "smartbatch/classifier/v1/classifier.pb.h"

namespace smartbatch::classifier {

grpc::Status ClassifyExchange::Read(const grpc::ByteBuffer& request) {
  v1::ClassifyRequest message;
  if (auto status = rpc::ParseMessage(request, message); !status.ok()) return status;
  std::vector<std::size_t> lengths;
  if (auto status = rpc::CheckSequences(message.sequences(), limits_, lengths); !status.ok()) return status;
  count_ = lengths.size();
  longest_ = *std::max_element(lengths.begin(), lengths.end());
  rows_ = std::vector<std::string>(std::make_move_iterator(message.mutable_sequences()->begin()),
                                   std::make_move_iterator(message.mutable_sequences()->end()));
  return grpc::Status::OK;
}

grpc::ByteBuffer ClassifyExchange::Write(const std::vector<Answer>& answers) const {
  v1::ClassifyResponse message;
  for (const Answer& answer : answers) {
    auto& result = *message.add_results();
    result.set_label(answer.label);
    result.set_confidence(answer.confidence);
  }
  return rpc::SerializeMessage(message);
}

}  // namespace smartbatch::classifier
