// The length index against a std::multimap that does the same slowly.
#include "services/proxy/scheduling/queue/length_index.h"

#include <gtest/gtest.h>

#include <deque>
#include <list>
#include <map>
#include <vector>

#include "common/random.h"

namespace smartbatch::scheduling {
namespace {

// For each length the nodes in order; empty lists are removed.
class Model {
 public:
  void PushBack(PendingSequence& node) { lists_[node.length].push_back(&node); }
  void PushFront(PendingSequence& node) { lists_[node.length].push_front(&node); }
  void Erase(PendingSequence& node) {
    lists_[node.length].remove(&node);
    if (lists_[node.length].empty()) lists_.erase(node.length);
  }
  std::vector<PendingSequence*> Ascending() const {
    std::vector<PendingSequence*> nodes;
    for (const auto& [length, list] : lists_) nodes.insert(nodes.end(), list.begin(), list.end());
    return nodes;
  }
  // Descending lengths from `length` on; within a length from the front.
  std::vector<PendingSequence*> DescendingFrom(std::uint32_t length) const {
    std::vector<PendingSequence*> nodes;
    for (auto list = std::make_reverse_iterator(lists_.upper_bound(length)); list != lists_.rend(); ++list) {
      nodes.insert(nodes.end(), list->second.begin(), list->second.end());
    }
    return nodes;
  }

 private:
  std::map<std::uint32_t, std::list<PendingSequence*>> lists_;
};

std::vector<PendingSequence*> Ascending(const SequencesByLength& index) {
  std::vector<PendingSequence*> nodes;
  for (PendingSequence* node = index.Shortest(); node != nullptr; node = index.NextLonger(*node)) nodes.push_back(node);
  return nodes;
}

std::vector<PendingSequence*> DescendingFrom(const SequencesByLength& index, std::uint32_t length) {
  std::vector<PendingSequence*> nodes;
  for (PendingSequence* node = index.LongestWithin(length); node != nullptr; node = index.NextShorter(*node)) {
    nodes.push_back(node);
  }
  return nodes;
}

std::uint32_t DrawLength(Random& random) {
  // Crowded, spread, and at the edges of the levels.
  const double kind = random.Uniform();
  if (kind < 0.4) return static_cast<std::uint32_t>(random.Between(1, 70));
  if (kind < 0.8) return static_cast<std::uint32_t>(random.Between(1, kLongestSequence));
  constexpr std::uint32_t kEdges[] = {1, 63, 64, 65, 4095, 4096, 4097, kLongestSequence - 1, kLongestSequence};
  return kEdges[random.Between(0, 8)];
}

TEST(LengthIndex, AgreesWithASortedListOfLists) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Random random(seed);
    SequencesByLength index;
    Model model;
    std::deque<PendingSequence> nodes(60);
    std::vector<PendingSequence*> linked;
    std::vector<PendingSequence*> free;
    for (PendingSequence& node : nodes) free.push_back(&node);
    for (int step = 0; step < 600; ++step) {
      const bool add = !free.empty() && (linked.empty() || random.Chance(0.55));
      std::vector<PendingSequence*>& from = add ? free : linked;
      const auto place = static_cast<std::size_t>(random.Between(0, static_cast<std::int64_t>(from.size()) - 1));
      PendingSequence& node = *from[place];
      from.erase(from.begin() + static_cast<std::ptrdiff_t>(place));
      if (!add) {
        index.Erase(node);
        model.Erase(node);
        free.push_back(&node);
      } else {
        node.length = DrawLength(random);
        const bool front = random.Chance(0.3);
        front ? index.PushFront(node) : index.PushBack(node);
        front ? model.PushFront(node) : model.PushBack(node);
        linked.push_back(&node);
      }
      ASSERT_EQ(index.size(), linked.size());
      ASSERT_EQ(index.empty(), linked.empty());
      ASSERT_EQ(Ascending(index), model.Ascending()) << "seed " << seed << " step " << step;
      const std::uint32_t length = DrawLength(random);
      ASSERT_EQ(DescendingFrom(index, length), model.DescendingFrom(length)) << "seed " << seed << " step " << step;
    }
    while (!linked.empty()) {
      index.Erase(*linked.back());
      linked.pop_back();
    }
  }
}

TEST(LengthIndex, FindsNothingIfItIsEmpty) {
  SequencesByLength index;
  EXPECT_EQ(index.Shortest(), nullptr);
  EXPECT_EQ(index.LongestWithin(kLongestSequence), nullptr);
  PendingSequence node;
  node.length = 64;
  index.PushBack(node);
  EXPECT_EQ(index.LongestWithin(63), nullptr);
  EXPECT_EQ(index.LongestWithin(64), &node);
  index.Erase(node);
  EXPECT_EQ(index.Shortest(), nullptr);
}

}  // namespace
}  // namespace smartbatch::scheduling
