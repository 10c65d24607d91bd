// The models of workload.h as expressions; customer_fields.h lists the forms.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/workload/workload.h"

namespace smartbatch::workload {

// What each parser takes, worded as the end of a sentence.
inline constexpr char kArrivalForms[] =
    "constant, poisson, gamma(SHAPE) such as gamma(0.5), or on_off(RATE_ON,RATE_OFF,MEAN_ON,MEAN_OFF) such as "
    "on_off(50,5,2s,4s)";
inline constexpr char kThinkForms[] = "a duration such as 330ms or 2s, or exponential(DURATION)";
inline constexpr char kLengthForms[] =
    "a number of characters, uniform(LOW,HIGH), lognormal(MEDIAN,SIGMA[,LOW,HIGH]), either(SHARE,LARGE,SMALL), "
    "cut(LOW,HIGH,TEXT_LENGTH,...) or quantiles(LENGTH@PERCENT,...) such as quantiles(17@1,1469@50,7437@100), with "
    "lengths of 1 to 10000000";
inline constexpr char kPresenceForms[] = "cycle(LENGTH,FROM,TO) with FROM < TO <= LENGTH, such as cycle(12m,3m,6m)";
inline constexpr char kScheduleForms[] =
    "step(FACTOR@TIME,...) or line(FACTOR@TIME,...) with rising times from 0s on, such as step(1@0s,2.5@30s)";

// In requests a second of one customer.
inline constexpr double kHighestRate = 1e6;

// Each parser returns nothing if the text has none of its forms or if a number is out of its range.
std::optional<LengthModel> ParseLengthModel(const std::string& text);
// An open loop at 1 request a second, except on_off, which has rates of its own.
std::optional<ArrivalModel> ParseArrivalModel(const std::string& text);
std::optional<ClosedLoop> ParseThinkTime(const std::string& text);
std::optional<Presence> ParsePresence(const std::string& text);
std::optional<Schedule> ParseScheduleModel(const std::string& text);

// Texts that the parsers read as the same models. The text of an ArrivalModel contains the rate only for on_off. It is
// empty for closed loops and recordings, which have no such form.
std::string Format(const LengthModel& model);
std::string Format(const ArrivalModel& model);
std::string Format(const ClosedLoop& model);
std::string Format(const Presence& presence);
std::string Format(const Schedule& schedule);

}  // namespace smartbatch::workload
