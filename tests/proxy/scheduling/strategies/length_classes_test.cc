#include "services/proxy/scheduling/strategies/length_classes.h"

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include <gtest/gtest.h>

#include "common/random.h"
#include "services/proxy/scheduling/model/request.h"

namespace smartbatch::scheduling {
namespace {

constexpr double kRatio = 1.25;
constexpr std::uint32_t kShort = 100;
constexpr std::uint32_t kLong = 1000;  // of another class

// A request of a short and a long sequence.
std::unique_ptr<PendingRequest> RequestOf(std::uint64_t number) {
  auto request = std::make_unique<PendingRequest>();
  request->id.number = number;
  request->arrival = Time(Duration(number));
  request->waiting = 2;
  request->sequences.resize(2);
  for (std::size_t i = 0; i < 2; ++i) {
    request->sequences[i].request = request.get();
    request->sequences[i].length = i == 0 ? kShort : kLong;
  }
  return request;
}

std::vector<std::uint64_t> NumbersOf(std::span<const Candidate> candidates) {
  std::vector<std::uint64_t> numbers;
  for (const Candidate& candidate : candidates) numbers.push_back(candidate.sequence->request->id.number);
  return numbers;
}

TEST(LengthClasses, KnowTheOldestOfAClassWhateverCameWentAndCameAgain) {
  LengthClasses classes(kRatio);
  std::map<std::uint64_t, std::unique_ptr<PendingRequest>> waiting;
  std::map<std::uint64_t, std::unique_ptr<PendingRequest>> gone;
  Random random(7);
  std::uint64_t number = 0;
  for (int step = 0; step < 20'000; ++step) {
    const auto move = [&](auto& from, auto& to) {
      auto moved = std::next(from.begin(), random.Between(0, static_cast<std::int64_t>(from.size()) - 1));
      PendingRequest& request = *moved->second;
      to.insert(from.extract(moved));
      return &request;
    };
    const auto dice = random.Between(0, 9);
    if (dice < 5 || waiting.empty()) {
      ++number;
      classes.Add(*waiting.emplace(number, RequestOf(number)).first->second, false);
    } else if (dice < 9 || gone.empty()) {
      classes.Remove(*move(waiting, gone));
    } else {
      classes.Add(*move(gone, waiting), true);
    }
    const auto most = static_cast<std::size_t>(random.Between(0, 12));
    std::vector<std::uint64_t> oldest;
    for (const auto& [waits, request] : waiting) {
      if (oldest.size() < most) oldest.push_back(waits);
    }
    for (const std::uint32_t length : {kShort, kLong}) {
      LengthClasses::Class& home = classes.classes()[classes.PlaceOf(length)];
      ASSERT_EQ(NumbersOf(home.First(most)), oldest) << "step " << step;
      if (waiting.empty()) continue;
      ASSERT_EQ(home.oldest, waiting.begin()->second->arrival);
    }
  }
}

TEST(LengthClasses, ForgetWhatWasWorkedOutOfARequestThatIsSplit) {
  LengthClasses classes(kRatio);
  const auto split = RequestOf(1);
  const auto whole = RequestOf(2);
  for (PendingRequest* const request : {split.get(), whole.get()}) classes.Add(*request, false);
  const auto longest = [&] { return classes.classes()[classes.PlaceOf(kLong)].First(2); };
  for (Candidate& candidate : longest()) candidate.costs = 5;
  split->sequences[0].selected = true;
  classes.RemoveSelected(*split);
  EXPECT_EQ(longest()[0].costs, 0U);
  EXPECT_EQ(longest()[1].costs, 5U);
  EXPECT_EQ(NumbersOf(classes.classes()[classes.PlaceOf(kShort)].First(2)), std::vector<std::uint64_t>{2});
}

}  // namespace
}  // namespace smartbatch::scheduling
