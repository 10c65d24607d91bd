// A customer as people write it, in a workload file or on the command line: fields, each a name and a small expression.
//
//   name       letters, digits, '.', '_' and '-'; with `count` the beginning of the names
//   count      how many customers like this there are, numbered from 01
//   rate       requests a second of each customer (open loop)
//   arrival    constant, poisson (the default), gamma(SHAPE), or on_off(RATE_ON,RATE_OFF,MEAN_ON,MEAN_OFF), which has
//              no `rate` beside it
//   think      DURATION or exponential(DURATION): a closed loop, which has neither `rate` nor `arrival`
//   schedule   step(FACTOR@TIME,...) or line(FACTOR@TIME,...): factors on the rate over time; the first point at 0s
//   presence   cycle(LENGTH,FROM,TO): the customer is there from FROM to TO in every cycle, and its arrivals and its
//              schedule stand still while it is away
//   length     characters of a sequence: a number, uniform(LOW,HIGH), lognormal(MEDIAN,SIGMA[,LOW,HIGH]),
//              either(SHARE,LARGE,SMALL), cut(LOW,HIGH,TEXT_LENGTH,...) or quantiles(LENGTH@PERCENT,...)
//   sequences  of a request: a number or LOW..HIGH
//   weight     the customer's share in a simulated strategy that uses weights
//   tier       its priority in a simulated strategy that uses tiers; 0 is the highest
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "common/workload/workload.h"

namespace smartbatch::workload {

inline constexpr std::uint32_t kMostCustomers = 100'000;

struct CustomerField {
  std::string name;
  std::string value;
};

// Which field is wrong (empty: the customer as a whole), what is wrong with it and what to give instead.
struct FieldError {
  std::string field;
  std::string message;
};

// The customers that the fields describe. Returns nothing if a field is wrong, with the reason in `error`.
std::optional<std::vector<CustomerModel>> CustomersOf(const std::vector<CustomerField>& fields, FieldError& error);

// The fields of one customer, from which CustomersOf makes the same customer again. It must not be a recorded one.
std::vector<CustomerField> FieldsOf(const CustomerModel& customer);

// `NAME:field=value,field=value`, with `len` for `length`. INVALID_ARGUMENT says which field is wrong.
absl::StatusOr<std::vector<CustomerModel>> ParseCustomer(const std::string& text);

// `step(...)` or `line(...)` as above; INVALID_ARGUMENT says what to give instead.
absl::StatusOr<Schedule> ParseSchedule(const std::string& text);

bool IsCustomerName(std::string_view name);

}  // namespace smartbatch::workload
