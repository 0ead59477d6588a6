#include "cuda/shim/record.h"

#include <mutex>
#include <utility>

namespace menet::shim {

namespace {

struct Record {
  std::mutex mutex;
  bool open = false;
  std::vector<Event> events;
};

Record& record() {
  static Record& the_record = *new Record;
  return the_record;
}

}  // namespace

void start_record() {
  const std::lock_guard<std::mutex> lock(record().mutex);
  record().events.clear();
  record().open = true;
}

std::vector<Event> finish_record() {
  const std::lock_guard<std::mutex> lock(record().mutex);
  record().open = false;
  return std::exchange(record().events, {});
}

void note(Event event) {
  const std::lock_guard<std::mutex> lock(record().mutex);
  if (record().open) record().events.push_back(event);
}

}  // namespace menet::shim
