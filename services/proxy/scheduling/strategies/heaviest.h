// The heaviest of what was offered, as many as a batch has seats.
#pragma once

#include <cstddef>
#include <vector>

namespace smartbatch::scheduling {

// Adding one takes as many steps as heavier ones are there. Keeps its memory between decisions. Thread safety: none.
class Heaviest {
 public:
  struct Item {
    double weight = 0;
    double least_seconds = 0;  // q
  };
  // Starts anew, for at least one seat.
  void Clear(std::size_t seats) {
    ascending_.clear();
    first_ = 0;
    seats_ = seats;
    weight_ = 0;
  }

  // Whether an item of this weight would be one of the heaviest.
  bool Accepts(double weight) const { return size() < seats_ || weight > ascending_[first_].weight; }
  // Requires that it is accepted. The lightest makes room for it.
  void Add(const Item& item) {
    if (size() == seats_) weight_ -= ascending_[first_++].weight;
    weight_ += item.weight;
    ascending_.emplace_back();
    Item* place = &ascending_.back();
    for (const Item* const first = &ascending_[first_]; place != first && place[-1].weight > item.weight; --place) {
      *place = place[-1];
    }
    *place = item;
  }

  std::size_t size() const { return ascending_.size() - first_; }
  bool empty() const { return size() == 0; }
  // The heaviest is number 0.
  const Item& operator[](std::size_t i) const { return ascending_[ascending_.size() - 1 - i]; }
  // Of all of them.
  double weight() const { return weight_; }

 private:
  std::vector<Item> ascending_;  // what made room stays in front
  std::size_t first_ = 0;
  std::size_t seats_ = 1;
  double weight_ = 0;
};

}  // namespace smartbatch::scheduling
