#include "tensorflow/call_message.h"

#include <cstring>

namespace menet::tensorflow {

namespace {

class Writer {
 public:
  void count(size_t number) { words.push_back(static_cast<int32_t>(number)); }

  void bytes(const void* data, size_t size) {
    const size_t begin = words.size();
    words.resize(begin + (size + 3) / 4);
    if (size > 0) std::memcpy(&words[begin], data, size);
  }

  void text(const std::string& text) {
    count(text.size());
    bytes(text.data(), text.size());
  }

  void value(const Attributes::Value& value) {
    count(value.index());
    std::visit([this](const auto& typed) { put(typed); }, value);
  }

  std::vector<int32_t> words;

 private:
  void put(double number) { bytes(&number, sizeof number); }
  void put(bool flag) { count(flag ? 1 : 0); }
  void put(const std::string& string) { text(string); }
  void put(const std::vector<double>& numbers) {
    count(numbers.size());
    bytes(numbers.data(), numbers.size() * sizeof(double));
  }
};

class Reader {
 public:
  Reader(const int32_t* words, int64_t count) : words_(words), left_(count) {}

  size_t count() {
    int32_t number;
    bytes(&number, sizeof number);
    return static_cast<size_t>(number);
  }

  void bytes(void* data, size_t size) {
    const auto words = static_cast<int64_t>((size + 3) / 4);
    if (words > left_) throw_error("expected a call's message, got a part of one");
    if (size > 0) std::memcpy(data, words_, size);
    words_ += words;
    left_ -= words;
  }

  std::string text() {
    std::string text(sized(1), '\0');
    bytes(text.data(), text.size());
    return text;
  }

  Attributes::Value value() {
    switch (count()) {
      case 0: {
        double number;
        bytes(&number, sizeof number);
        return number;
      }
      case 1:
        return count() != 0;
      case 2:
        return text();
      default: {
        std::vector<double> numbers(sized(sizeof(double)));
        bytes(numbers.data(), numbers.size() * sizeof(double));
        return numbers;
      }
    }
  }

 private:
  // A count of items that the message must still hold.
  size_t sized(size_t bytes_each) {
    const size_t items = count();
    if (items > static_cast<size_t>(left_) * 4 / bytes_each) {
      throw_error("expected a call's message, got a part of one");
    }
    return items;
  }

  const int32_t* words_;
  int64_t left_;
};

}  // namespace

std::vector<int32_t> encode(const CallMessage& message) {
  Writer writer;
  writer.text(message.op);
  writer.text(message.inputs);
  writer.count(message.attributes.values().size());
  for (const auto& [name, value] : message.attributes.values()) {
    writer.text(name);
    writer.value(value);
  }
  return std::move(writer.words);
}

CallMessage decode(const int32_t* words, int64_t count) {
  Reader reader(words, count);
  CallMessage message;
  message.op = reader.text();
  message.inputs = reader.text();
  for (size_t left = reader.count(); left > 0; --left) {
    std::string name = reader.text();
    message.attributes.set(std::move(name), reader.value());
  }
  return message;
}

}  // namespace menet::tensorflow
