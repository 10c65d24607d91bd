// An index of nodes by length, in constant time however many there are.
#pragma once

#include <array>
#include <bit>
#include <cassert>
#include <cstdint>
#include <memory>

#include <boost/intrusive/list.hpp>

#include "services/proxy/scheduling/model/request.h"

namespace smartbatch::scheduling {

// Links nodes, which it does not own, into one list for each length 1..kLongestSequence, and finds the next occupied
// length through three levels of 64-bit maps (a van Emde Boas tree with a fan-out of 64): adding, removing and finding
// touch a few words, whether it holds ten nodes or ten million.
//
// Among nodes of one length those pushed to the front come first. LengthOf(node) must not change while the node is
// linked. Memory: 1 KiB for each 64 lengths that were ever used. Not thread safe.
template <class Node, IndexHook Node::*hook, std::uint32_t (*LengthOf)(const Node&)>
class LengthIndex {
 public:
  LengthIndex() = default;
  LengthIndex(const LengthIndex&) = delete;
  LengthIndex& operator=(const LengthIndex&) = delete;

  void PushBack(Node& node) { BucketFor(LengthOf(node)).push_back(node); }
  void PushFront(Node& node) { BucketFor(LengthOf(node)).push_front(node); }

  void Erase(Node& node) {
    const std::uint32_t length = LengthOf(node);
    Leaf& leaf = *middles_[length >> 12]->leaves[(length >> 6) & 63];
    Bucket& bucket = leaf.buckets[length & 63];
    bucket.erase(Bucket::s_iterator_to(node));
    --size_;
    if (!bucket.empty()) return;
    leaf.occupied &= ~Bit(length);
    if (leaf.occupied != 0) return;
    Middle& middle = *middles_[length >> 12];
    middle.occupied &= ~Bit(length >> 6);
    if (middle.occupied == 0) occupied_ &= ~Bit(length >> 12);
  }

  bool empty() const { return size_ == 0; }
  std::uint64_t size() const { return size_; }

  // The first node of the shortest length; null if there is none.
  Node* Shortest() const { return FirstFrom(0); }
  // The next node in ascending length; null at the end. Requires: `node` is linked.
  Node* NextLonger(const Node& node) const {
    if (Node* const same = NextOfSameLength(node)) return same;
    return FirstFrom(LengthOf(node) + 1);
  }

  // The first node of the longest length that is not above `length`; null if there is none.
  Node* LongestWithin(std::uint32_t length) const {
    if (length > kLongestSequence) length = kLongestSequence;
    const std::uint32_t top = length >> 12;
    if ((occupied_ & Bit(top)) != 0) {
      const Middle& middle = *middles_[top];
      const std::uint32_t mid = (length >> 6) & 63;
      if ((middle.occupied & Bit(mid)) != 0) {
        const std::uint64_t within = middle.leaves[mid]->occupied & UpTo(length & 63);
        if (within != 0) return &middle.leaves[mid]->buckets[Highest(within)].front();
      }
      const std::uint64_t below = middle.occupied & Below(mid);
      if (below != 0) return LastOf(*middle.leaves[Highest(below)]);
    }
    const std::uint64_t below = occupied_ & Below(top);
    if (below == 0) return nullptr;
    const Middle& middle = *middles_[Highest(below)];
    return LastOf(*middle.leaves[Highest(middle.occupied)]);
  }
  // The next node in descending length, the rest of its own length first; null at the end. Requires: `node` is linked.
  Node* NextShorter(const Node& node) const {
    if (Node* const same = NextOfSameLength(node)) return same;
    const std::uint32_t length = LengthOf(node);
    return length == 0 ? nullptr : LongestWithin(length - 1);
  }

 private:
  using Bucket = boost::intrusive::list<Node, boost::intrusive::member_hook<Node, IndexHook, hook>,
                                        boost::intrusive::constant_time_size<false>>;
  struct Leaf {
    std::uint64_t occupied = 0;
    std::array<Bucket, 64> buckets;
  };
  struct Middle {
    std::uint64_t occupied = 0;
    std::array<std::unique_ptr<Leaf>, 64> leaves;
  };

  static constexpr std::uint64_t Bit(std::uint32_t position) { return std::uint64_t{1} << (position & 63); }
  static constexpr std::uint64_t Below(std::uint32_t position) { return Bit(position) - 1; }
  static constexpr std::uint64_t UpTo(std::uint32_t position) { return Below(position) | Bit(position); }
  static std::uint32_t Highest(std::uint64_t bits) { return 63U - static_cast<std::uint32_t>(std::countl_zero(bits)); }
  static std::uint32_t Lowest(std::uint64_t bits) { return static_cast<std::uint32_t>(std::countr_zero(bits)); }
  static Node* LastOf(Leaf& leaf) { return &leaf.buckets[Highest(leaf.occupied)].front(); }

  Bucket& BucketFor(std::uint32_t length) {
    assert(length <= kLongestSequence);
    ++size_;
    std::unique_ptr<Middle>& middle = middles_[length >> 12];
    if (middle == nullptr) middle = std::make_unique<Middle>();
    std::unique_ptr<Leaf>& leaf = middle->leaves[(length >> 6) & 63];
    if (leaf == nullptr) leaf = std::make_unique<Leaf>();
    occupied_ |= Bit(length >> 12);
    middle->occupied |= Bit(length >> 6);
    leaf->occupied |= Bit(length);
    return leaf->buckets[length & 63];
  }

  Node* NextOfSameLength(const Node& node) const {
    const std::uint32_t length = LengthOf(node);
    Bucket& bucket = middles_[length >> 12]->leaves[(length >> 6) & 63]->buckets[length & 63];
    const auto next = std::next(Bucket::s_iterator_to(const_cast<Node&>(node)));
    return next == bucket.end() ? nullptr : &*next;
  }

  // The first node of the shortest length that is not below `length`.
  Node* FirstFrom(std::uint32_t length) const {
    if (length > kLongestSequence) return nullptr;
    const std::uint32_t top = length >> 12;
    if ((occupied_ & Bit(top)) != 0) {
      const Middle& middle = *middles_[top];
      const std::uint32_t mid = (length >> 6) & 63;
      if ((middle.occupied & Bit(mid)) != 0) {
        const std::uint64_t from = middle.leaves[mid]->occupied & ~Below(length & 63);
        if (from != 0) return &middle.leaves[mid]->buckets[Lowest(from)].front();
      }
      const std::uint64_t above = middle.occupied & ~UpTo(mid);
      if (above != 0) return FirstOf(*middle.leaves[Lowest(above)]);
    }
    const std::uint64_t above = occupied_ & ~UpTo(top);
    if (above == 0) return nullptr;
    const Middle& middle = *middles_[Lowest(above)];
    return FirstOf(*middle.leaves[Lowest(middle.occupied)]);
  }
  static Node* FirstOf(Leaf& leaf) { return &leaf.buckets[Lowest(leaf.occupied)].front(); }

  std::uint64_t occupied_ = 0;
  std::uint64_t size_ = 0;
  std::array<std::unique_ptr<Middle>, 64> middles_;
};

inline std::uint32_t LengthOfSequence(const PendingSequence& sequence) { return sequence.length; }
inline std::uint32_t LongestWaitingOf(const PendingRequest& request) { return request.longest_waiting; }

// Waiting sequences by their own length, requests by the longest of their waiting sequences.
using SequencesByLength = LengthIndex<PendingSequence, &PendingSequence::strategy_hook, &LengthOfSequence>;
using RequestsByLength = LengthIndex<PendingRequest, &PendingRequest::strategy_hook, &LongestWaitingOf>;

}  // namespace smartbatch::scheduling
