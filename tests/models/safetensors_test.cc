#include "models/safetensors.h"

#include <catch2/catch.hpp>
#include <cstring>
#include <limits>

#include "tests/models/random_model.h"

namespace lutra {
namespace {

std::string FileOf(const std::string& header, const std::string& data) {
  const uint64_t length = header.size();
  std::string file(8, '\0');
  std::memcpy(file.data(), &length, 8);
  return file + header + data;
}

Status StatusOf(const std::string& file) {
  return ParseSafetensors(std::as_bytes(std::span(file)), "f").status();
}

TEST_CASE("what is written is read again") {
  Safetensors content;
  content.metadata = {{"a", "1"}, {"quote", "\"\\\n"}, {"unicode", "ü"}};
  const auto add = [&](const std::string& name, ElementType type, Shape shape,
                       std::vector<int64_t> values) {
    content.tensors.emplace(name, StoredTensor::Of(type, std::move(shape), values));
  };
  add("i8", ElementType::kI8, Shape{3}, {-128, 0, 127});
  add("u8", ElementType::kU8, Shape{1, 2}, {0, 255});
  add("i16", ElementType::kI16, Shape{2}, {-32768, 32767});
  add("u16", ElementType::kU16, Shape{2}, {0, 65535});
  add("i32", ElementType::kI32, Shape{2}, {-2147483648, 2147483647});
  add("i64", ElementType::kI64, Shape{}, {std::numeric_limits<int64_t>::min()});
  add("none", ElementType::kI16, Shape{0, 5}, {});
  const TemporaryFolder folder;
  REQUIRE(WriteSafetensors(folder.File("x.safetensors"), content).ok());
  const StatusOr<Safetensors> read = ReadSafetensors(folder.File("x.safetensors"));
  REQUIRE(read.ok());
  CHECK(read->metadata == content.metadata);
  REQUIRE(read->tensors.size() == content.tensors.size());
  for (const auto& [name, tensor] : content.tensors) {
    INFO(name);
    const StoredTensor& found = read->tensors.at(name);
    CHECK(found.type() == tensor.type());
    CHECK(found.shape() == tensor.shape());
    CHECK(found.Values() == tensor.Values());
  }
  CHECK(read->tensors.at("u16").Range() == std::pair<int64_t, int64_t>(0, 65535));
  CHECK(ReadSafetensors(folder.File("x.safetensors"), 10).status().message() != "");
}

TEST_CASE("bad files are errors that name file, tensor, field, expected and found") {
  const std::string entry = R"({"dtype":"I16","shape":[2],"data_offsets":[0,4]})";
  const auto one = [](const std::string& body) { return FileOf("{\"t\":{" + body + "}}", "1234"); };
  const auto two = [](const std::string& first, const std::string& second, size_t bytes) {
    const auto part = [](const std::string& offsets) {
      return R"({"dtype":"I8","shape":[2],"data_offsets":)" + offsets + "}";
    };
    return FileOf("{\"a\":" + part(first) + ",\"b\":" + part(second) + "}",
                  std::string(bytes, 'x'));
  };
  struct Case {
    std::string file;
    std::string message;
  };
  std::string deep(100000, '[');
  const std::vector<Case> cases = {
      {"", "f: header length: expected 8 bytes, found 0"},
      {"1234567", "f: header length: expected 8 bytes, found 7"},
      {"a text file, with some words in it",
       "f: header length: expected at most 26, found 7359009851570397281"},
      {FileOf("", ""), "f: header: expected a JSON object from byte 8 on, found ''"},
      {FileOf("[]", ""), "f: header: expected a JSON object from byte 8 on, found '[]'"},
      {FileOf("\xef\xbb\xbf{}", ""),
       "f: header: expected a JSON object from byte 8 on, found '\xef\xbb\xbf{}'"},
      {FileOf(std::string("{}\0", 3), ""), "f: header: expected JSON, found a NUL at byte 10"},
      {FileOf("{", ""), "f: header: expected JSON in UTF-8, found something else at byte 9"},
      {FileOf("{} {}", ""), "f: header: expected JSON in UTF-8, found something else at byte 11"},
      {FileOf("{\"\xff\":1}", ""),
       "f: header: expected JSON in UTF-8, found something else at byte 10"},
      {FileOf("{\"t\":" + entry + ",}", "1234"),
       "f: header: expected JSON in UTF-8, found something else at byte 62"},
      {FileOf("{\"t\":1}", ""), "f: tensor 't': expected an object, found 1"},
      {FileOf("{\"t\":[]}", ""), "f: tensor 't': expected an object, found an array"},
      {FileOf("{\"t\":" + deep, ""), "f: tensor 't': expected an object, found an array"},
      {FileOf("{\"t\":null}", ""), "f: tensor 't': expected an object, found null"},
      {FileOf("{\"t\":\"x\\ny\"}", ""), "f: tensor 't': expected an object, found 'x\\ny'"},
      {FileOf("{\"__metadata__\":{\"a\":1}}", ""),
       "f: __metadata__: 'a': expected a string, found 1"},
      {FileOf("{\"__metadata__\":{\"a\":{}}}", ""),
       "f: __metadata__: 'a': expected a string, found an object"},
      {FileOf("{\"__metadata__\":{\"a\":\"\",\"a\":\"\"}}", ""),
       "f: __metadata__: 'a': expected once, found twice"},
      {FileOf("{\"__metadata__\":{},\"__metadata__\":{}}", ""),
       "f: __metadata__: expected once, found twice"},
      {FileOf("{\"t\":" + entry + ",\"t\":" + entry + "}", "1234"),
       "f: tensor 't': expected once, found twice"},
      {one(R"("dtype":"I16","dtype":"I16","shape":[2],"data_offsets":[0,4])"),
       "f: tensor 't': dtype: expected once, found twice"},
      {one(R"("dtype":"I16","shape":[2],"shape":[2],"data_offsets":[0,4])"),
       "f: tensor 't': shape: expected once, found twice"},
      {one(R"("shape":[2],"data_offsets":[0,4])"), "f: tensor 't': dtype: missing"},
      {one(R"("dtype":"I16","data_offsets":[0,4])"), "f: tensor 't': shape: missing"},
      {one(R"("dtype":"I16","shape":[2])"), "f: tensor 't': data_offsets: missing"},
      {one(R"("dtype":"I16","shape":[2],"data_offsets":[0,4],"more":1)"),
       "f: tensor 't': 'more': expected only dtype, shape and data_offsets"},
      {one(R"("dtype":"F32","shape":[1],"data_offsets":[0,4])"),
       "f: tensor 't': dtype: expected one of I8, U8, I16, U16, I32, I64, found 'F32'"},
      {one(R"("dtype":7,"shape":[1],"data_offsets":[0,4])"),
       "f: tensor 't': dtype: expected a string, found 7"},
      {one(R"("dtype":["I8"],"shape":[1],"data_offsets":[0,4])"),
       "f: tensor 't': dtype: expected a string, found an array"},
      {one(R"("dtype":"I16","shape":2,"data_offsets":[0,4])"),
       "f: tensor 't': shape: expected an array of integers, found 2"},
      {one(R"("dtype":"I16","shape":{},"data_offsets":[0,4])"),
       "f: tensor 't': shape: expected an array of integers, found an object"},
      {one(R"("dtype":"I16","shape":[-2],"data_offsets":[0,4])"),
       "f: tensor 't': shape: expected integers from 0 to 2^63-1, found -2"},
      {one(R"("dtype":"I16","shape":[2.0],"data_offsets":[0,4])"),
       "f: tensor 't': shape: expected integers from 0 to 2^63-1, found 2.0"},
      {one(R"("dtype":"I16","shape":["2"],"data_offsets":[0,4])"),
       "f: tensor 't': shape: expected integers from 0 to 2^63-1, found '2'"},
      {one(R"("dtype":"I16","shape":[[2]],"data_offsets":[0,4])"),
       "f: tensor 't': shape: expected integers from 0 to 2^63-1, found an array"},
      {one(R"("dtype":"I16","shape":[true],"data_offsets":[0,4])"),
       "f: tensor 't': shape: expected integers from 0 to 2^63-1, found true"},
      {one(R"("dtype":"I16","shape":[18446744073709551615],"data_offsets":[0,4])"),
       "f: tensor 't': shape: expected integers from 0 to 2^63-1, found 18446744073709551615"},
      {one(R"("dtype":"I16","shape":[1e400],"data_offsets":[0,4])"), "f: header: "},
      {one(R"("dtype":"I16","shape":[1000000000,1000000000],"data_offsets":[0,4])"),
       "f: tensor 't': shape: "},
      {one(R"("dtype":"I16","shape":[1000000000000000000],"data_offsets":[0,4])"),
       "f: tensor 't': shape: "},
      {one(R"("dtype":"I16","shape":[4294967296,4294967296],"data_offsets":[0,4])"),
       "f: tensor 't': shape: "},
      {one(R"("dtype":"I16","shape":[1,1,1,1,1,1,1,1,2],"data_offsets":[0,4])"),
       "f: tensor 't': shape: expected at most 8 sizes, found more"},
      {one(R"("dtype":"I16","shape":[1,1],"data_offsets":[0,4])"),
       "f: tensor 't': data_offsets: expected 2 of 4 bytes for I16 [1, 1], found [0, 4)"},
      {one(R"("dtype":"I16","shape":[3],"data_offsets":[0,6])"),
       "f: tensor 't': data_offsets: expected 6 of 4 bytes for I16 [3], found [0, 6)"},
      {one(R"("dtype":"I16","shape":[2],"data_offsets":[4,0])"),
       "f: tensor 't': data_offsets: expected 4 of 4 bytes for I16 [2], found [4, 0)"},
      {one(R"("dtype":"I16","shape":[2],"data_offsets":[0])"),
       "f: tensor 't': data_offsets: expected 2 offsets, found 1"},
      {one(R"("dtype":"I16","shape":[2],"data_offsets":[0,4,4])"),
       "f: tensor 't': data_offsets: expected 2 offsets, found 3"},
      {one(R"("dtype":"I8","shape":[2],"data_offsets":[0,2])"),
       "f: data: expected 2 bytes after the header, found 4"},
      {two("[0,2]", "[1,3]", 3),
       "f: tensor 'b': data_offsets: expected a begin of 2, found 1 (overlap)"},
      {two("[0,2]", "[0,2]", 2),
       "f: tensor 'b': data_offsets: expected a begin of 2, found 0 (overlap)"},
      {two("[3,5]", "[0,2]", 5),
       "f: tensor 'a': data_offsets: expected a begin of 2, found 3 (gap)"},
      {two("[1,3]", "[3,5]", 5),
       "f: tensor 'a': data_offsets: expected a begin of 0, found 1 (gap)"},
  };
  for (const Case& c : cases) {
    INFO(c.file.substr(0, 200));
    const Status status = StatusOf(c.file);
    REQUIRE_FALSE(status.ok());
    const std::string message(status.message());
    CHECK(message.find('\n') == std::string::npos);
    if (c.message.back() == ' ') {
      CHECK(message.substr(0, c.message.size()) == c.message);
    } else {
      CHECK(message == c.message);
    }
  }
}

TEST_CASE("long and binary names stay short and on one line") {
  const std::string name = std::string(1000, 'x') + "\\u0001";
  const Status status = StatusOf(FileOf("{\"" + name + "\":1}", ""));
  CHECK(status.message().size() < 150);
}

TEST_CASE("missing files, folders and files above the limit are errors with their name") {
  const TemporaryFolder folder;
  for (const std::string& path : {folder.File("nothing"), folder.File("")}) {
    const Status status = ReadSafetensors(path).status();
    REQUIRE_FALSE(status.ok());
    CHECK(std::string(status.message()).find(path) != std::string::npos);
  }
  Safetensors content;
  content.tensors.emplace("t", StoredTensor(ElementType::kI8, Shape{100}));
  CHECK_FALSE(WriteSafetensors(folder.File("no/such/folder"), content).ok());
}

}  // namespace
}  // namespace lutra
