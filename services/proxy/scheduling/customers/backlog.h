// The customers that have something waiting, ordered by what they have been charged.
#pragma once

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "services/proxy/scheduling/customers/customer.h"

namespace smartbatch::scheduling {

// A heap of customers, least counter first, in which each knows its place (D. B. Johnson, "Priority queues with update
// and finding minimum spanning trees", 1975). With four children to a node three quarters of the nodes have none,
// so a charge moves hardly anything, however many customers there are; a search tree would remove and insert the
// customer each time. Adding and removing are logarithmic. A node names its customer by a number that the
// customer keeps while it is here: moving nodes reads and writes two small arrays and no customer. Not thread safe.
class Backlog {
 public:
  bool empty() const { return nodes_.empty(); }
  std::size_t size() const { return nodes_.size(); }
  double LeastCounter() const { return nodes_.front().counter; }
  // Linear.
  double GreatestCounter() const {
    return std::max_element(nodes_.begin(), nodes_.end(),
                            [](const Node& left, const Node& right) { return left.counter < right.counter; })
        ->counter;
  }

  // Calls `visit` for every customer, in an arbitrary order.
  template <class Visit>
  void ForEach(Visit visit) const {
    for (const Node& node : nodes_) visit(*customers_[node.number]);
  }

  void Add(Customer& customer) {
    if (free_numbers_.empty()) {
      free_numbers_.push_back(static_cast<std::uint32_t>(customers_.size()));
      customers_.push_back(nullptr);
      places_.push_back(0);
    }
    customer.backlog_number = free_numbers_.back();
    free_numbers_.pop_back();
    customers_[customer.backlog_number] = &customer;
    nodes_.push_back({customer.counter, customer.backlog_number});
    MoveUp(nodes_.size() - 1);
  }
  void Remove(Customer& customer) {
    const std::size_t place = places_[customer.backlog_number];
    assert(customers_[customer.backlog_number] == &customer);
    free_numbers_.push_back(customer.backlog_number);
    const Node last = nodes_.back();
    nodes_.pop_back();
    if (last.number == customer.backlog_number) return;
    nodes_[place] = last;
    MoveUp(place);
    MoveDown(places_[last.number]);
  }
  // The counter of a customer in the backlog is larger than it was.
  void CounterGrew(Customer& customer) {
    const std::size_t place = places_[customer.backlog_number];
    nodes_[place].counter = customer.counter;
    MoveDown(place);
  }

  // Appends up to `most` customers whose counters are at most `limit`: the least one first, then in the order of the
  // heap, which is roughly that of the counters. Linear in `most`.
  void Collect(double limit, std::size_t most, std::vector<Customer*>& customers) const {
    const std::size_t first = customers.size();
    if (most == 0 || empty() || LeastCounter() > limit) return;
    customers.push_back(customers_[nodes_.front().number]);
    // Breadth first: the collected customers are also the list of nodes whose children come next.
    for (std::size_t visited = first; visited < customers.size(); ++visited) {
      const std::size_t child = kChildren * places_[customers[visited]->backlog_number] + 1;
      for (std::size_t i = child; i < std::min(child + kChildren, nodes_.size()); ++i) {
        if (nodes_[i].counter > limit) continue;
        if (customers.size() - first == most) return;
        customers.push_back(customers_[nodes_[i].number]);
      }
    }
  }

 private:
  struct Node {
    double counter = 0;
    std::uint32_t number = 0;
  };
  static constexpr std::size_t kChildren = 4;

  void Place(const Node& node, std::size_t place) {
    nodes_[place] = node;
    places_[node.number] = static_cast<std::uint32_t>(place);
  }
  void MoveUp(std::size_t place) {
    const Node node = nodes_[place];
    while (place > 0) {
      const std::size_t parent = (place - 1) / kChildren;
      if (nodes_[parent].counter <= node.counter) break;
      Place(nodes_[parent], place);
      place = parent;
    }
    Place(node, place);
  }
  void MoveDown(std::size_t place) {
    const Node node = nodes_[place];
    while (true) {
      const std::size_t child = kChildren * place + 1;
      if (child >= nodes_.size()) break;
      std::size_t least = child;
      for (std::size_t i = child + 1; i < std::min(child + kChildren, nodes_.size()); ++i) {
        if (nodes_[i].counter < nodes_[least].counter) least = i;
      }
      if (nodes_[least].counter >= node.counter) break;
      Place(nodes_[least], place);
      place = least;
    }
    Place(node, place);
  }

  std::vector<Node> nodes_;
  // Indexed by number: the customer, and the position of its node.
  std::vector<Customer*> customers_;
  std::vector<std::uint32_t> places_;
  std::vector<std::uint32_t> free_numbers_;
};

}  // namespace smartbatch::scheduling
