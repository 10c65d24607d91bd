// Settings of a message that is no part of the proxy.
#include "services/proxy/config/settings/setting.h"

#include <cmath>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <absl/strings/str_cat.h>
#include <gmock/gmock.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/dynamic_message.h>
#include <google/protobuf/text_format.h>
#include <CLI/CLI.hpp>

#include "services/proxy/config/settings/setting_flags.h"

namespace smartbatch::proxy {
namespace {

using ::testing::ElementsAre;

// A message with a number that has no option and one that has these: `number`, `bounded`.
class Shop {
 public:
  explicit Shop(const std::string& options) {
    google::protobuf::FileDescriptorProto file;
    EXPECT_TRUE(
        google::protobuf::TextFormat::ParseFromString(absl::StrCat(R"(name: "shop.proto" message_type { name: "Shop"
            field { name: "number" number: 1 label: LABEL_OPTIONAL type: TYPE_DOUBLE default_value: "3" }
            field { name: "bounded" number: 2 label: LABEL_OPTIONAL type: TYPE_DOUBLE
                    options { [smartbatch.proxy.v1.setting] { )",
                                                                   options, " } } } }"),
                                                      &file));
    message_.reset(factory_.GetPrototype(pool_.BuildFile(file)->message_type(0))->New());
  }

  google::protobuf::Message& message() { return *message_; }
  const google::protobuf::FieldDescriptor& field(int index) const { return *message_->GetDescriptor()->field(index); }
  void Set(int index, double value) { message_->GetReflection()->SetDouble(message_.get(), &field(index), value); }
  double Get(int index) const { return message_->GetReflection()->GetDouble(*message_, &field(index)); }
  std::string Error() const {
    return std::string(CheckRanges(*message_, [](const std::string& path) { return path; }).message());
  }

 private:
  google::protobuf::DescriptorPool pool_;
  google::protobuf::DynamicMessageFactory factory_;
  std::unique_ptr<google::protobuf::Message> message_;
};

TEST(AFieldWithoutAnOption, TakesAnyNumberHasNoFlagAndNeedsARestart) {
  Shop shop(R"(flag: "bounded" reloadable: true)");
  EXPECT_EQ(AllowedIn(shop.field(0)), "");
  shop.Set(0, -1e300);
  EXPECT_EQ(shop.Error(), "");
  shop.Set(0, HUGE_VAL);
  EXPECT_EQ(shop.Error(), "number is inf; it must be a finite number");
  std::vector<std::pair<std::string, bool>> reloadable;
  shop.Set(1, 1);
  ForEachSetting(shop.message(),
                 [&](const Setting& setting) { reloadable.emplace_back(setting.path, setting.reloadable); });
  EXPECT_THAT(reloadable, ElementsAre(std::pair("number", false), std::pair("bounded", true)));
  CLI::App app;
  SettingFlags flags;
  flags.Add(app, shop.message());
  EXPECT_NE(app.get_option_no_throw("--bounded"), nullptr);
  EXPECT_EQ(app.get_option_no_throw("--number"), nullptr);
}

TEST(AFieldWithoutADefault, IsASettingOnceItIsGiven) {
  Shop shop("minimum: 1");
  std::vector<std::string> paths;
  const auto note = [&paths](const Setting& setting) { paths.push_back(setting.path + "=" + setting.Value()); };
  ForEachSetting(shop.message(), note);
  EXPECT_THAT(paths, ElementsAre("number=3"));
  EXPECT_EQ(shop.Error(), "") << "what is not given, cannot be wrong";
  shop.Set(1, 0);
  paths.clear();
  ForEachSetting(shop.message(), note);
  EXPECT_THAT(paths, ElementsAre("number=3", "bounded=0"));
  EXPECT_EQ(shop.Error(), "bounded is 0; it must be at least 1");
}

TEST(ANumber, IsWrittenSoThatItCanBeReadBack) {
  Shop shop("");
  for (const double value : {0.1, 1e-7, 3'600'000.0, 1.0 / 3, 1e-300}) {
    shop.Set(0, value);
    std::string text;
    ForEachSetting(shop.message(), [&text](const Setting& setting) { text = setting.Value(); });
    EXPECT_EQ(std::stod(text), value) << text;
  }
}

TEST(ARange, IsToldAsPeopleSayIt) {
  for (const auto& [options, told] : std::vector<std::pair<std::string, std::string>>{
           {"minimum: 1 maximum: 64", "from 1 to 64"},
           {"minimum: 1", "at least 1"},
           {"above: 0 maximum: 3600000", "above 0, at most 3600000"},
           {"above: 0", "above 0"},
           {R"(minimum: 0 maximum: 9 zero: "never")", "from 0 (never) to 9"},
           {R"(minimum: 0.01 maximum: 9 zero: "none")", "0 (none), or from 0.01 to 9"},
           {R"(flag: "bounded")", ""}}) {
    EXPECT_EQ(AllowedIn(Shop(options).field(1)), told) << options;
  }
}

TEST(ARange, HasTheEndsThatItSays) {
  const std::vector<std::pair<std::string, std::vector<std::pair<double, bool>>>> ranges = {
      {"minimum: 1 maximum: 64", {{1, true}, {64, true}, {0.999, false}, {64.001, false}, {-1, false}}},
      {"above: 0 maximum: 9", {{0, false}, {1e-300, true}, {9, true}, {9.5, false}}},
      {R"(minimum: 2 zero: "none")", {{0, true}, {-0.5, false}, {1, false}, {2, true}}}};
  for (const auto& [options, values] : ranges) {
    for (const auto& [value, allowed] : values) {
      Shop shop(options);
      shop.Set(1, value);
      EXPECT_EQ(shop.Error().empty(), allowed) << options << ": " << value;
    }
  }
}

TEST(AFlag, IsParsedAsTheTypeOfItsField) {
  Shop shop(R"(flag: "bounded" minimum: 1 maximum: 8)");
  for (const auto& [text, good] : {std::pair("2.5", true), std::pair("2e0", true), std::pair("two", false),
                                   std::pair("", false), std::pair("2 3", false)}) {
    CLI::App app;
    SettingFlags flags;
    flags.Add(app, shop.message());
    const std::string argument = std::string("--bounded=") + text;
    const char* const arguments[] = {"shop", argument.c_str()};
    std::map<std::string, std::string> given;
    absl::Status status;
    try {
      app.parse(2, arguments);
      status = flags.PutInto(shop.message(), given);
    } catch (const CLI::ParseError& error) {
      status = absl::InvalidArgumentError(error.what());
    }
    EXPECT_EQ(status.ok(), good) << text << ": " << status.message();
    if (!good) continue;
    EXPECT_EQ(given["bounded"], "--bounded");
    EXPECT_EQ(shop.Get(1), std::stod(text));
  }
}

}  // namespace
}  // namespace smartbatch::proxy
