// Workloads as people write them: fields, flags and files.
#include "common/workload/workload_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <regex>

#include <nlohmann/json.hpp>

#include "common/workload/customer_fields.h"
#include "common/workload/expression.h"

namespace smartbatch::workload {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// The first requests of every open-loop customer, with their moments, and the think times of the others.
std::string Described(const Workload& workload, const Seeds& seeds = Seeds::All(7)) {
  std::string text;
  std::vector<std::uint32_t> lengths;
  for (std::size_t i = 0; i < workload.customers.size(); ++i) {
    const CustomerModel& customer = workload.customers[i];
    text += customer.name + ":";
    RequestSource requests(customer.requests, seeds.sizes, i);
    const auto* const closed = std::get_if<ClosedLoop>(&customer.arrivals);
    ThinkTimeSource think(closed != nullptr ? *closed : ClosedLoop{}, seeds.think_times, i);
    ArrivalSource arrivals(customer, seeds.arrivals, i);
    for (int n = 0; n < 30; ++n) {
      requests.Draw(lengths);
      const auto moment = closed != nullptr ? think.Next().count() : arrivals.Next().time_since_epoch().count();
      text += " " + std::to_string(moment);
      for (const std::uint32_t length : lengths) text += "/" + std::to_string(length);
    }
    text += "\n";
  }
  return text;
}

Workload Parsed(const std::string& text) {
  const auto workload = ParseWorkload(text, "test");
  EXPECT_TRUE(workload.ok()) << workload.status().message();
  return workload.value_or(Workload{});
}

std::string ErrorOf(const std::string& text) {
  const auto workload = ParseWorkload(text, "office.json");
  EXPECT_FALSE(workload.ok()) << text;
  return std::string(workload.status().message());
}

// A file with one customer of these fields, on line 3.
std::string OneCustomer(const std::string& fields) {
  return "{\n \"name\": \"one\",\n \"customers\": [{" + fields + "}]}";
}

TEST(Expression, ReadsWhatIsWhollyOfItsKind) {
  EXPECT_EQ(ParseNumber(" 1.5e2 "), 150);
  EXPECT_EQ(ParseNumber("1.5x"), std::nullopt);
  EXPECT_EQ(ParseNumber("inf"), std::nullopt);
  EXPECT_EQ(ParseNumber("nan"), std::nullopt);
  EXPECT_EQ(ParseNumber(""), std::nullopt);
  EXPECT_EQ(ParseWhole("-1"), std::nullopt);
  EXPECT_EQ(ParseDuration("1.5s"), std::chrono::milliseconds(1500));
  EXPECT_EQ(ParseDuration("2m"), std::chrono::minutes(2));
  EXPECT_EQ(ParseDuration("5"), std::nullopt);
  EXPECT_EQ(ParseDuration("-1s"), std::nullopt);
  EXPECT_EQ(ParseRange("2..5"), std::pair(2U, 5U));
  EXPECT_EQ(ParseRange("3"), std::pair(3U, 3U));
  EXPECT_EQ(ParseRange("5..2"), std::nullopt);
  EXPECT_EQ(ParseRange("2.."), std::nullopt);
  EXPECT_EQ(ParseCall("f(a,g(b,c))")->arguments, (std::vector<std::string>{"a", "g(b,c)"}));
  EXPECT_FALSE(ParseCall("f(a"));
  EXPECT_FALSE(ParseCall("f(a)b)"));
  EXPECT_FALSE(ParseCall("(a)"));
}

TEST(WorkloadFile, EveryBuiltinComesBackFromItsFileToTheLastDigit) {
  for (const BuiltinDescription& builtin : Builtins()) {
    const Workload workload = MakeBuiltin(builtin.name, {0.37, 5, {}});
    const Workload again = Parsed(WorkloadJson(workload));
    EXPECT_EQ(again.name, workload.name);
    EXPECT_EQ(again.description, workload.description);
    EXPECT_TRUE(Described(again) == Described(workload)) << builtin.name;
  }
}

TEST(WorkloadFile, KnowsEveryFormOfEveryField) {
  const Workload workload = Parsed(R"-({
    "name": "all", "schedule": "step(1@0s,2@10s)",
    "customers": [
      {"name": "a", "rate": 20, "length": 80},
      {"name": "b", "rate": "5", "arrival": "constant", "length": "uniform(1,9)", "sequences": "2..3", "weight": 2.5},
      {"name": "c", "rate": 3, "arrival": "gamma(0.5)", "length": "lognormal(80,1,10,200)", "sequences": 4, "tier": 3},
      {"name": "d-", "count": 12, "arrival": "on_off(50,5,2s,4s)", "length": "either(0.3,558,116)"},
      {"name": "e", "think": "330ms", "length": "cut(5,15,15,11)"},
      {"name": "f", "think": "exponential(2s)", "length": 5},
      {"name": "g", "rate": 1, "presence": "cycle(1m,10s,30s)", "schedule": "line(0@0s,3@1m)", "length": 5},
      {"name": "q", "rate": 1, "length": "quantiles(17@1,1469@50,1469@75.5,7437@100)"}
    ]})-");
  ASSERT_EQ(workload.customers.size(), 19U);
  EXPECT_EQ(std::get<Poisson>(workload.customers[0].arrivals).requests_per_second, 20);
  EXPECT_EQ(workload.customers[0].schedule.points.size(), 2U);
  EXPECT_EQ(workload.customers[1].weight, 2.5);
  EXPECT_EQ(workload.customers[1].requests.sequences_maximum, 3U);
  EXPECT_EQ(std::get<GammaGaps>(workload.customers[2].arrivals).shape, 0.5);
  EXPECT_EQ(workload.customers[2].tier, 3U);
  EXPECT_EQ(workload.customers[3].name, "d-01");
  EXPECT_EQ(workload.customers[14].name, "d-12");
  EXPECT_EQ(std::get<ClosedLoop>(workload.customers[15].arrivals).think_time, std::chrono::milliseconds(330));
  EXPECT_TRUE(std::get<ClosedLoop>(workload.customers[16].arrivals).exponential);
  EXPECT_EQ(workload.customers[17].schedule.kind, Schedule::Kind::kLine);
  EXPECT_EQ(workload.customers[17].presence.to, std::chrono::seconds(30));
  const auto& quantiles = std::get<QuantileLength>(workload.customers[18].requests.length).quantiles;
  EXPECT_THAT(quantiles,
              ::testing::ElementsAre(QuantileLength::Quantile{1, 17}, QuantileLength::Quantile{50, 1469},
                                     QuantileLength::Quantile{75.5, 1469}, QuantileLength::Quantile{100, 7437}));
  EXPECT_TRUE(Described(Parsed(WorkloadJson(workload))) == Described(workload));
}

TEST(WorkloadFile, NamesTheLineAndTheFieldThatAreWrong) {
  const auto customer = [](const std::string& fields) { return ErrorOf(OneCustomer("\"name\": \"a\", " + fields)); };
  EXPECT_THAT(customer(R"-("rate": "fast", "length": 5)-"),
              AllOf(StartsWith("office.json:3: customers[0].rate: 'fast'"), HasSubstr("above 0")));
  EXPECT_THAT(customer(R"-("rate": -1, "length": 5)-"), HasSubstr("customers[0].rate: '-1'"));
  EXPECT_THAT(customer(R"-("rate": 1, "length": "lognormal(80)")-"), HasSubstr("customers[0].length: 'lognormal(80)'"));
  for (const char* const wrong : {"quantiles()", "quantiles(5)", "quantiles(5@101)", "quantiles(5@-1)",
                                  "quantiles(0@1)", "quantiles(5@10,6@10)", "quantiles(6@10,5@20)"}) {
    EXPECT_THAT(
        customer("\"rate\": 1, \"length\": \"" + std::string(wrong) + "\""),
        AllOf(HasSubstr("customers[0].length: '" + std::string(wrong) + "'"), HasSubstr("quantiles(LENGTH@PERCENT")));
  }
  EXPECT_THAT(customer(R"-("rate": 1)-"), StartsWith("office.json:3: customers[0]: 'length' is missing"));
  EXPECT_THAT(customer(R"-("length": 5)-"), HasSubstr("neither 'rate' nor 'think'"));
  EXPECT_THAT(customer(R"-("rate": 1, "think": "1s", "length": 5)-"), HasSubstr("customers[0].rate: a closed loop"));
  EXPECT_THAT(customer(R"-("rate": 1, "length": 5, "rat": 1)-"), HasSubstr("customers[0].rat: there is no such field"));
  EXPECT_THAT(customer(R"-("rate": [1], "length": 5)-"), HasSubstr("customers[0].rate: [1] is neither"));
  EXPECT_THAT(customer(R"-("rate": 1, "rate": 2, "length": 5)-"), HasSubstr("line 3: 'rate' is given twice"));
  EXPECT_THAT(customer(R"-("rate": 1, "length": 5, "arrival": "on_off(1,2)")-"), HasSubstr("customers[0].arrival"));
  EXPECT_THAT(customer(R"-("rate": 1, "length": 5, "schedule": "step(1@5s)")-"), HasSubstr("from 0s on"));
  EXPECT_THAT(customer(R"-("rate": 1, "length": 5, "sequences": "5..1")-"), HasSubstr("customers[0].sequences"));
  EXPECT_THAT(customer(R"-("rate": 1, "length": 5, "count": 0)-"), HasSubstr("customers[0].count"));
  EXPECT_THAT(customer(R"-("rate": 1, "length": 5, "tier": 101)-"), HasSubstr("customers[0].tier"));
  EXPECT_THAT(ErrorOf(OneCustomer(R"-("name": "a b", "rate": 1, "length": 5)-")),
              HasSubstr("customers[0].name: 'a b'"));
  EXPECT_THAT(ErrorOf("{\n\"name\": \"x\",\n\"customers\": [\n{\"name\": \"a\",\n\"rate\": 1, \"length\":\n0\n}]}"),
              StartsWith("office.json:6: customers[0].length: '0'"));
  EXPECT_THAT(ErrorOf("{\"name\": \"x\",\n \"customers\": [\n  {\"name\": \"a\",,}]}"),
              AllOf(StartsWith("office.json: line 3: this is not JSON")));
  EXPECT_THAT(ErrorOf("{\"name\": \"x\"}"), StartsWith("office.json:1: customers: give a list"));
  EXPECT_THAT(ErrorOf("{\"customers\": []}"), StartsWith("office.json:1: name: "));
  EXPECT_THAT(ErrorOf(R"({"no\nsuch": 1})"), HasSubstr("no such: there is no such field"));
  EXPECT_THAT(ErrorOf(std::string(200'000, '[')), AllOf(StartsWith("office.json: line 1: "), HasSubstr("32 deep")));
  EXPECT_THAT(ErrorOf("[]"), StartsWith("office.json:1: it must be an object"));
  EXPECT_THAT(ErrorOf("{\"name\": \"x\", \"customers\": [{\"name\": \"a\", \"rate\": 1, \"length\": 5},\n"
                      "{\"name\": \"a\", \"rate\": 1, \"length\": 5}]}"),
              StartsWith("office.json:2: customers[1].name: there are two customers 'a'"));
  EXPECT_EQ(ReadWorkloadFile("/nowhere/office.json").status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(CustomerFlag, IsTheSameAsTheFields) {
  const auto flag = ParseCustomer("chat:rate=20,arrival=gamma(0.5),len=lognormal(80,1.0),sequences=1..5,weight=2");
  ASSERT_TRUE(flag.ok()) << flag.status().message();
  const Workload file = Parsed(OneCustomer(
      R"-("name": "chat", "rate": 20, "arrival": "gamma(0.5)", "length": "lognormal(80,1)", "sequences": "1..5", "weight": 2)-"));
  EXPECT_TRUE(Described({"", "", *flag}) == Described(file));
  EXPECT_EQ(flag->front().weight, 2);
  EXPECT_EQ(ParseCustomer("c:think=0s,len=5,count=8")->size(), 8U);

  for (const auto& [text, message] : std::vector<std::pair<std::string, std::string>>{
           {"chat", "is not NAME:field=value"},
           {"chat:rate", "'rate' is not field=value"},
           {"chat:rate=x,len=5", "--customer 'chat:rate=x,len=5': rate: 'x'"},
           {"chat:rate=1,len=5,len=6", "length: it is given twice"},
           {":rate=1,len=5", "name: ''"}}) {
    const auto wrong = ParseCustomer(text);
    ASSERT_FALSE(wrong.ok()) << text;
    EXPECT_THAT(std::string(wrong.status().message()), HasSubstr(message));
  }
}

TEST(Seeds, ChangeOneThingEach) {
  const Workload workload = Parsed(R"-({"name": "x", "customers": [
    {"name": "a", "rate": 20, "length": "uniform(1,1000)"},
    {"name": "b", "think": "exponential(1s)", "length": 5}]})-");
  const auto lines = [&](const Seeds& seeds) {
    const std::string text = Described(workload, seeds);
    return std::pair(text.substr(0, text.find('\n')), text.substr(text.find('\n')));
  };
  const auto base = lines({1, 1, 1});
  EXPECT_NE(lines({2, 1, 1}).first, base.first);
  EXPECT_NE(lines({1, 2, 1}).first, base.first);
  EXPECT_EQ(lines({1, 1, 2}).first, base.first);
  EXPECT_EQ(lines({2, 1, 1}).second, base.second);
  EXPECT_NE(lines({1, 1, 2}).second, base.second);
  EXPECT_EQ(Seeds({1, 2, 3}).ToString(), "arrivals 1, sizes 2, think times 3");
}

// --- The schema ---

nlohmann::json Schema() {
  return nlohmann::json::parse(std::ifstream(SMARTBATCH_SOURCE_DIR "/common/workload/workload.schema.json"));
}

TEST(WorkloadSchema, HasTheFieldsThatTheProgramTakesAndNoOthers) {
  const nlohmann::json properties = Schema()["definitions"]["customer"]["properties"];
  const std::string unknown = ErrorOf(OneCustomer(R"-("nonsense": 1)-"));
  std::size_t listed = 0;
  for (const auto& [name, property] : properties.items()) {
    EXPECT_THAT(unknown, HasSubstr(name));
    EXPECT_THAT(ErrorOf(OneCustomer("\"" + name + "\": \"?\"")), ::testing::Not(HasSubstr("no such field"))) << name;
  }
  for (std::size_t at = unknown.find("a customer has "); at != std::string::npos; at = unknown.find(',', at + 1)) {
    ++listed;
  }
  EXPECT_EQ(listed, properties.size()) << unknown;
}

// The property's pattern: its own, that of an alternative, or that of what it refers to; empty if there is none.
std::string PatternOf(const nlohmann::json& schema, const nlohmann::json& property) {
  if (property.contains("pattern")) return property["pattern"];
  if (property.contains("$ref")) {
    const std::string reference = property["$ref"];
    return PatternOf(schema, schema["definitions"][reference.substr(reference.rfind('/') + 1)]);
  }
  for (const nlohmann::json& alternative : property.value("anyOf", nlohmann::json::array())) {
    if (const std::string pattern = PatternOf(schema, alternative); !pattern.empty()) return pattern;
  }
  return {};
}

TEST(WorkloadSchema, AcceptsEveryBuiltinsFile) {
  const nlohmann::json schema = Schema();
  const nlohmann::json& properties = schema["definitions"]["customer"]["properties"];
  for (const BuiltinDescription& builtin : Builtins()) {
    const auto file = nlohmann::json::parse(WorkloadJson(MakeBuiltin(builtin.name, {})));
    for (const auto& [field, value] : file["customers"][0].items()) {
      const std::string pattern = PatternOf(schema, properties[field]);
      ASSERT_FALSE(pattern.empty()) << field;
      const std::string text = value.is_string() ? value.get<std::string>() : value.dump();
      EXPECT_TRUE(std::regex_search(text, std::regex(pattern))) << field << " " << text;
    }
  }
  EXPECT_FALSE(std::regex_search("lognormal(80)", std::regex(PatternOf(schema, properties["length"]))));
}

// --- Schedules ---

// Requests in each of the first seconds.
std::vector<double> CountsBySecond(const ArrivalModel& model, const Schedule& schedule, std::size_t seconds) {
  std::vector<double> counts(seconds);
  constexpr int kRuns = 40;
  for (std::uint64_t seed = 0; seed < kRuns; ++seed) {
    ArrivalSource source(model, seed, 0, {}, schedule);
    for (Time time = source.Next(); time < Time(std::chrono::seconds(seconds)); time = source.Next()) {
      counts[static_cast<std::size_t>(ToSeconds(time.time_since_epoch()))] += 1.0 / kRuns;
    }
  }
  return counts;
}

TEST(Schedule, StepsAndLinesMultiplyTheRateOfEveryOpenLoop) {
  const Schedule step{Schedule::Kind::kStep, {{0, 1}, {2, 3}, {4, 0}}};
  const Schedule line{Schedule::Kind::kLine, {{0, 0}, {4, 2}}};
  const ArrivalModel models[] = {ConstantRate{100}, Poisson{100}, GammaGaps{100, 4},
                                 OnOff{100, 100, std::chrono::seconds(1), std::chrono::seconds(1)}};
  for (const ArrivalModel& model : models) {
    const auto steps = CountsBySecond(model, step, 6);
    const double expected_steps[] = {100, 100, 300, 300, 0, 0};
    const auto lines = CountsBySecond(model, line, 6);
    const double expected_lines[] = {25, 75, 125, 175, 200, 200};
    for (std::size_t i = 0; i < 6; ++i) {
      EXPECT_NEAR(steps[i], expected_steps[i], 10) << model.index() << " second " << i;
      EXPECT_NEAR(lines[i], expected_lines[i], 10) << model.index() << " second " << i;
    }
  }
}

TEST(Schedule, AdvancesByTheIntegralOfTheFactor) {
  const Schedule line{Schedule::Kind::kLine, {{0, 0}, {2, 4}, {3, 0}}};
  EXPECT_DOUBLE_EQ(line.Advance(0, 1), 1);  // x^2
  EXPECT_DOUBLE_EQ(line.Advance(0, 4), 2);
  EXPECT_DOUBLE_EQ(line.Advance(1, 3), 2);
  EXPECT_DOUBLE_EQ(line.Advance(2, 2), 3);
  EXPECT_EQ(line.Advance(2, 2.01), HUGE_VAL);
  EXPECT_DOUBLE_EQ(Schedule{}.Advance(3, 2), 5);
}

TEST(Scaled, ComparesTheSameRequestsAtAnotherRate) {
  const Workload workload = MakeBuiltin("seedopen", {});
  const Workload twice = Scaled(workload, 2);
  EXPECT_NEAR(MeanRequestsPerSecond(twice), 2 * MeanRequestsPerSecond(workload), 1e-9);
  ArrivalSource slow(workload.customers[3].arrivals, 1, 3);
  ArrivalSource quick(twice.customers[3].arrivals, 1, 3);
  for (int i = 0; i < 100; ++i) {
    EXPECT_NEAR(ToSeconds(quick.Next().time_since_epoch()), ToSeconds(slow.Next().time_since_epoch()) / 2, 1e-6);
  }
}

}  // namespace
}  // namespace smartbatch::workload
