// Every field of config.proto, whatever is added to it: its ways in, its range, and what a reload makes of it.
#include "services/proxy/config/settings/setting.h"

#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <absl/strings/ascii.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <absl/strings/str_join.h>
#include <absl/strings/str_replace.h>
#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <google/protobuf/util/json_util.h>
#include <google/protobuf/util/message_differencer.h>

#include "services/proxy/config/config_changes.h"
#include "services/proxy/config/settings/comments.h"
#include "tests/proxy/config/config_reading.h"

namespace smartbatch::proxy {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::util::MessageDifferencer;
using ::testing::AllOf;
using ::testing::HasSubstr;

// A field of one value that is in no list.
struct Field {
  std::vector<std::string> names;  // from the outermost message to it
  const FieldDescriptor* descriptor;

  const v1::Setting& options() const { return descriptor->options().GetExtension(v1::setting); }
  std::string Path() const { return absl::StrJoin(names, "."); }
  std::string Flag() const { return "--" + options().flag(); }
  std::string Variable() const {
    return "SMARTBATCH_" + absl::AsciiStrToUpper(absl::StrReplaceAll(options().flag(), {{"-", "_"}}));
  }
  bool IsText() const { return descriptor->cpp_type() == FieldDescriptor::CPPTYPE_STRING; }
  bool IsFraction() const { return descriptor->cpp_type() == FieldDescriptor::CPPTYPE_DOUBLE; }
  bool IsNumber() const { return !IsText() && descriptor->cpp_type() != FieldDescriptor::CPPTYPE_BOOL; }
  // A file that says nothing else.
  std::string File(const std::string& value) const {
    std::string text = absl::StrCat(names.back(), IsText() ? ": \"" : ": ", value, IsText() ? "\"" : "");
    for (auto name = names.rbegin() + 1; name != names.rend(); ++name) text = absl::StrCat(*name, " { ", text, " }");
    return text;
  }
};

void CollectFields(const Descriptor& message, std::vector<std::string> names, std::vector<Field>& fields) {
  for (int i = 0; i < message.field_count(); ++i) {
    const FieldDescriptor* const field = message.field(i);
    if (field->is_repeated()) continue;
    names.push_back(field->name());
    if (field->message_type() != nullptr) {
      CollectFields(*field->message_type(), names, fields);
    } else {
      fields.push_back({names, field});
    }
    names.pop_back();
  }
}

std::vector<Field> AllFields() {
  std::vector<Field> fields;
  CollectFields(*v1::ProxyConfig::descriptor(), {}, fields);
  return fields;
}

// Another value than the default, valid beside the defaults of the other fields but for NeededBy.
std::string OtherValue(const Field& field) {
  const std::map<std::string, std::string> chosen = {{"strategy.name", "fcfs"},
                                                     {"connections.max_receive_bytes", "300000000"},
                                                     {"connections.max_metadata_bytes", "2000"},
                                                     {"open_inference.max_request_bytes", "2000"}};
  if (const auto found = chosen.find(field.Path()); found != chosen.end()) return found->second;
  if (const auto& texts = field.options().one_of(); !texts.empty()) return *texts.rbegin();
  if (field.options().placeholder() == "HOST:PORT") return "127.0.0.1:7";
  if (field.options().placeholder() == "URL") return "http://127.0.0.1:7/v1/traces";
  if (field.IsText()) return "other";
  if (field.names.front() == "cost" && field.names.back() != "knee") return "1e-05";
  return field.IsNumber() ? "4" : "true";
}

std::vector<std::string> NeededBy(const Field& field) {
  if (field.Path() == "tls.backend_server_name") return {"--backend-ca", "authorities.pem"};
  if (field.Path() == "tls.bound_customers_only") return {"--tls-client-ca", "authorities.pem"};
  return {};
}

std::vector<std::string> Joined(std::vector<std::string> first, const std::vector<std::string>& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

std::string AsJson(const google::protobuf::Message& message) {
  std::string text;
  EXPECT_TRUE(google::protobuf::util::MessageToJsonString(message, &text).ok());
  return text;
}

// The ways in, each with the arguments of a program that is given the value by it.
struct Way {
  std::string name;
  std::vector<std::string> arguments;
  std::string variable;  // is set to the value if there is one
};

std::vector<Way> WaysOf(const Field& field, const std::string& value) {
  const std::string file = field.File(value);
  std::vector<Way> ways = {{"text", {"--config", WriteFile("field.textproto", file)}, ""},
                           {"JSON", {"--config", WriteFile("field.json", AsJson(ConfigOf(file).settings))}, ""}};
  if (field.options().flag().empty()) return ways;
  ways.push_back({"environment", {}, field.Variable()});
  ways.push_back({"flag", {field.Flag() + "=" + value}, ""});
  return ways;
}

absl::StatusOr<Config> ReadBy(const Way& way, const std::string& value, const std::vector<std::string>& needed) {
  if (way.variable.empty()) return Read(Joined(needed, way.arguments));
  const Variable variable(way.variable, value);
  return Read(Joined(needed, way.arguments));
}

TEST(EveryField, MeansTheSameInTheFileAsAFlagAndInTheEnvironment) {
  for (const Field& field : AllFields()) {
    const std::string value = OtherValue(field);
    const auto defaults = Read(NeededBy(field));
    ASSERT_TRUE(defaults.ok()) << defaults.status();
    v1::ProxyConfig expected = defaults->settings;
    ASSERT_TRUE(google::protobuf::TextFormat::MergeFromString(field.File(value), &expected));
    for (const Way& way : WaysOf(field, value)) {
      const auto config = ReadBy(way, value, NeededBy(field));
      ASSERT_TRUE(config.ok()) << field.Path() << " by " << way.name << ": " << config.status();
      EXPECT_TRUE(MessageDifferencer::Equals(config->settings, expected))
          << field.Path() << " by " << way.name << ": " << config->settings.ShortDebugString();
      EXPECT_FALSE(MessageDifferencer::Equals(config->settings, defaults->settings)) << field.Path();
    }
  }
}

// The values just beyond what is allowed.
std::vector<std::string> WrongNumbers(const Field& field) {
  const v1::Setting& options = field.options();
  std::vector<double> wrong;
  const double infinity = std::numeric_limits<double>::infinity();
  if (options.has_minimum()) {
    wrong.push_back(field.IsFraction() ? std::nextafter(options.minimum(), -infinity) : options.minimum() - 1);
  }
  if (options.has_above()) wrong.push_back(options.above());
  if (options.has_maximum()) {
    wrong.push_back(field.IsFraction() ? std::nextafter(options.maximum(), infinity) : options.maximum() + 1);
  }
  std::vector<std::string> texts;
  for (const double value : wrong) {
    if (!(value == 0 && !options.zero().empty())) texts.push_back(absl::StrFormat("%.17g", value));
  }
  if (field.IsFraction()) texts.insert(texts.end(), {"nan", "inf"});
  return texts;
}

TEST(EveryNumber, IsRefusedBeyondItsRangeWhicheverWayItComes) {
  int refused = 0;
  for (const Field& field : AllFields()) {
    if (!field.IsNumber()) continue;
    for (const std::string& value : WrongNumbers(field)) {
      for (const Way& way : WaysOf(field, value)) {
        const bool in_file = way.name == "text" || way.name == "JSON";
        const std::string message = MessageOf(ReadBy(way, value, {}));
        EXPECT_THAT(message, AllOf(HasSubstr((in_file ? field.Path() : field.Flag()) + " is "),
                                   HasSubstr("it must be "), HasSubstr(AllowedIn(*field.descriptor))))
            << field.Path() << " by " << way.name;
        ++refused;
      }
    }
    EXPECT_NE(AllowedIn(*field.descriptor), "") << field.Path() << " has no range";
  }
  EXPECT_GT(refused, 100);
}

TEST(EveryNumber, IsAllowedAtTheEndsOfItsRange) {
  for (const Field& field : AllFields()) {
    for (const auto& [has, value] : {std::pair(field.options().has_minimum(), field.options().minimum()),
                                     std::pair(field.options().has_maximum(), field.options().maximum())}) {
      if (!has) continue;
      const Config config = ConfigOf(field.File(absl::StrFormat("%.17g", value)));
      EXPECT_TRUE(CheckRanges(config.settings, [](const std::string& path) { return path; }).ok()) << field.Path();
    }
  }
}

TEST(EveryFlag, RefusesWhatIsNoNumber) {
  for (const Field& field : AllFields()) {
    if (!field.IsNumber() || field.options().flag().empty()) continue;
    EXPECT_THAT(MessageOf(Read({field.Flag(), "some"})),
                AllOf(HasSubstr(field.Flag() + " is 'some'"), HasSubstr("number " + AllowedIn(*field.descriptor))));
  }
}

TEST(EveryText, IsOneOfThoseThatTheFieldNames) {
  for (const Field& field : AllFields()) {
    if (field.options().one_of_size() == 0) continue;
    for (const Way& way : WaysOf(field, "none")) {
      EXPECT_THAT(MessageOf(ReadBy(way, "none", {})), AllOf(HasSubstr("is 'none'"), HasSubstr("it must be ")))
          << field.Path() << " by " << way.name;
    }
  }
}

// The whole truth about reloads, said a second time: a field that becomes reloadable is used by what is told of a
// reload.
const std::set<std::string>& Reloadable() {
  static const std::set<std::string> paths = {"strategy.name",
                                              "limits.max_queued_requests",
                                              "limits.max_queued_requests_per_customer",
                                              "limits.max_queued_bytes",
                                              "limits.max_queued_bytes_per_customer",
                                              "limits.max_queued_cost_seconds",
                                              "limits.max_queued_cost_seconds_per_customer",
                                              "failures.batch_timeout_seconds",
                                              "failures.batch_timeout_factor",
                                              "failures.max_attempts",
                                              "failures.pause_minimum_seconds",
                                              "failures.pause_maximum_seconds",
                                              "failures.unavailable_after_seconds",
                                              "failures.retry_budget",
                                              "failures.max_consecutive_errors",
                                              "failures.slow_factor",
                                              "tls.bound_customers_only",
                                              "latency_objective_ms",
                                              "drain_seconds"};
  return paths;
}

TEST(EveryField, IsNamedByAReloadThatTakesItOverOrRefusesIt) {
  std::set<std::string> found;
  for (const Field& field : AllFields()) {
    const std::vector<FieldChange> changes = Changes(Config(), ConfigOf(field.File(OtherValue(field))));
    ASSERT_EQ(changes.size(), 1U) << field.Path();
    EXPECT_EQ(changes[0].field, field.Path());
    EXPECT_EQ(changes[0].after, OtherValue(field));
    if (CheckCanChange(changes).ok()) found.insert(field.Path());
  }
  EXPECT_EQ(found, Reloadable());
}

TEST(EveryField, IsTheSameAfterItWasWrittenAndReadBack) {
  Config config;
  for (const Field& field : AllFields()) {
    ASSERT_TRUE(google::protobuf::TextFormat::MergeFromString(field.File(OtherValue(field)), &config.settings));
  }
  ASSERT_TRUE(google::protobuf::TextFormat::MergeFromString(R"(
      customers { name: "a" weight: 0.1 certificate_names: ["x", "y"] } backends { address: "b:1" slots: 7 }
      strategy { parameters { key: "linger_ms" value: "1" } }
      open_inference { padded_inputs { name: "ids" value: 1e-7 } trimmed_outputs: "hidden" }
      tls { admin_client_names: "o" })",
                                                            &config.settings));
  std::string text;
  ASSERT_TRUE(google::protobuf::TextFormat::PrintToString(config.settings, &text));
  for (const auto& [format, written] :
       {std::pair(ConfigFormat::kText, text), std::pair(ConfigFormat::kJson, AsJson(config.settings))}) {
    Config read;
    ASSERT_TRUE(ParseConfig(written, format, read).ok()) << written;
    EXPECT_TRUE(MessageDifferencer::Equals(read.settings, config.settings)) << written;
    EXPECT_TRUE(Changes(read, config).empty());
  }
}

TEST(EveryField, HasACommentAndEveryFlagOneField) {
  const google::protobuf::FileDescriptor& file = *v1::ProxyConfig::descriptor()->file();
  std::set<std::string> flags;
  for (int i = 0; i < file.message_type_count(); ++i) {
    const Descriptor& message = *file.message_type(i);
    EXPECT_NE(CommentOf(message), "") << message.name();
    for (int j = 0; j < message.field_count(); ++j) {
      const FieldDescriptor& field = *message.field(j);
      EXPECT_NE(CommentOf(field), "") << field.full_name();
      const std::string& flag = field.options().GetExtension(v1::setting).flag();
      if (flag.empty()) continue;
      EXPECT_TRUE(flags.insert(flag).second) << flag << " sets two fields";
    }
  }
  EXPECT_GT(flags.size(), 40U);
}

// What stands in config.proto stands in the code of those who need it, too, for those who come without the proxy.
TEST(TheDefaults, AreThoseOfTheLibraries) {
  const Config config;
  const scheduling::SchedulerOptions limits = config.limits();
  const scheduling::SchedulerOptions defaults;
  EXPECT_EQ(limits.max_batch_size, defaults.max_batch_size);
  EXPECT_EQ(limits.max_sequence_length, defaults.max_sequence_length);
  EXPECT_EQ(limits.max_queued_requests, defaults.max_queued_requests);
  EXPECT_EQ(limits.max_queued_requests_per_customer, defaults.max_queued_requests_per_customer);
  EXPECT_EQ(limits.max_queued_bytes, defaults.max_queued_bytes);
  EXPECT_EQ(limits.max_queued_bytes_per_customer, defaults.max_queued_bytes_per_customer);
  EXPECT_EQ(limits.max_queued_cost, defaults.max_queued_cost);
  EXPECT_EQ(limits.max_queued_cost_per_customer, defaults.max_queued_cost_per_customer);
  EXPECT_EQ(limits.batch_timeout_minimum, defaults.batch_timeout_minimum);
  EXPECT_EQ(limits.batch_timeout_factor, defaults.batch_timeout_factor);
  EXPECT_EQ(limits.max_attempts, defaults.max_attempts);
  EXPECT_EQ(limits.retry_budget, defaults.retry_budget);
  EXPECT_EQ(limits.backends.pause_minimum, defaults.backends.pause_minimum);
  EXPECT_EQ(limits.backends.pause_maximum, defaults.backends.pause_maximum);
  EXPECT_EQ(limits.backends.unavailable_after, defaults.backends.unavailable_after);
  EXPECT_EQ(limits.backends.max_consecutive_errors, defaults.backends.max_consecutive_errors);
  EXPECT_EQ(limits.backends.slow_factor, defaults.backends.slow_factor);
  EXPECT_EQ(config.cost(), CostModel());
  const rpc::ConnectionLimits connections = config.connections();
  const rpc::ConnectionLimits others;
  EXPECT_EQ(connections.max_connections, others.max_connections);
  EXPECT_EQ(connections.max_metadata_bytes, others.max_metadata_bytes);
  EXPECT_EQ(connections.max_concurrent_calls, others.max_concurrent_calls);
  EXPECT_EQ(connections.max_calls_in_transit, others.max_calls_in_transit);
  EXPECT_EQ(connections.max_receive_bytes, others.max_receive_bytes);
  EXPECT_EQ(connections.transit_timeout, others.transit_timeout);
  EXPECT_EQ(connections.max_age, others.max_age);
  EXPECT_EQ(connections.max_age_grace, others.max_age_grace);
  EXPECT_EQ(connections.max_idle, others.max_idle);
}

TEST(TheCostProfiles, AreThoseThatTheFileMayName) {
  const auto& names =
      v1::CostConfig::descriptor()->FindFieldByName("profile")->options().GetExtension(v1::setting).one_of();
  std::vector<std::string> known;
  for (const CostProfile& profile : CostProfiles()) known.emplace_back(profile.name);
  EXPECT_EQ(std::vector<std::string>(names.begin(), names.end()), known);
}

}  // namespace
}  // namespace smartbatch::proxy
