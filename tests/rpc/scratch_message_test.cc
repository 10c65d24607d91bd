#include "services/rpc/scratch_message.h"

#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "smartbatch/proxy/v1/proxy.pb.h"

namespace smartbatch::rpc {
namespace {

using Message = ScratchMessage<proxy::v1::ProxyClassifyRequest>;

constexpr std::size_t kBlock = 2048;

TEST(ScratchMessage, TakesNoBlockFromTheHeapIfItIsSmall) {
  Message message;
  for (int i = 0; i < 5; ++i) message->add_sequences("short");
  EXPECT_EQ(message->GetArena()->SpaceAllocated(), kBlock);
}

TEST(ScratchMessage, GrowsBeyondItsBlock) {
  Message message;
  for (int i = 0; i < 1000; ++i) message->add_sequences(std::to_string(i));
  EXPECT_GT(message->GetArena()->SpaceAllocated(), kBlock);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(message->sequences(i), std::to_string(i));
}

TEST(ScratchMessage, IsOutlivedByWhatIsMovedOutOfItsStrings) {
  const std::string long_text(10'000, 'x');
  std::string kept_long;
  std::string kept_short;
  {
    Message message;
    message->add_sequences(long_text);
    message->add_sequences("short");
    kept_long = std::move(*message->mutable_sequences(0));
    kept_short = std::move(*message->mutable_sequences(1));
  }
  EXPECT_EQ(kept_long, long_text);
  EXPECT_EQ(kept_short, "short");
}

TEST(ScratchMessage, IsOutlivedByAMessageThatIsMovedOutOfIt) {
  proxy::v1::ProxyClassifyRequest kept;
  {
    Message message;
    message->add_sequences("one");
    kept = std::move(*message);
  }
  ASSERT_EQ(kept.sequences_size(), 1);
  EXPECT_EQ(kept.sequences(0), "one");
}

}  // namespace
}  // namespace smartbatch::rpc
