// What lutra-experiment left in a directory of results, read back (docs/experiments.md).
#ifndef LUTRA_ANALYSIS_EXPERIMENT_RESULTS_H_
#define LUTRA_ANALYSIS_EXPERIMENT_RESULTS_H_

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "analysis/csv.h"
#include "core/status.h"

namespace lutra {

using NamedTexts = std::vector<std::pair<std::string, std::string>>;  // name, text

struct ExperimentAxis {
  std::string name;
  std::vector<std::string> steps;  // their labels
};

// Medians of results, by rows that are told apart by axes, the network or a breakdown.
struct ExperimentTable {
  std::string name;
  std::string title;
  std::string by;                                        // a breakdown, or empty
  std::vector<std::string> rows;                         // axes and such
  std::vector<std::string> columns;                      // results
  std::map<std::string, std::vector<std::string>> only;  // which values are kept
};

// A figure, or a comparison with published figures.
struct ExperimentFigure {
  std::string name;
  std::string title;
};

// experiment.toml.
struct ExperimentFile {
  std::string title;
  std::string measure;  // "cost", "simulation", "processes"
  int64_t repetitions = 1;
  NamedTexts settings;  // of all points
  std::vector<ExperimentAxis> axes;
  std::vector<std::string> networks;
  std::vector<std::string> breakdown;
  std::vector<ExperimentTable> tables;
  std::vector<ExperimentFigure> figures;
  std::vector<ExperimentFigure> comparisons;
};

struct ExperimentPoint {
  std::string settings;  // "threads 2, model bert-base"
  std::string program;   // its digest
};

// environment.json.
struct ExperimentEnvironment {
  std::string versions;  // "Lutra 0.1.0, ..."
  std::vector<std::string> command;
  std::string started, written;  // ISO 8601
  std::string machine;
  std::vector<std::string> origins;   // of runs: how many, machine, build, engine, jobs
  int64_t planned = 0, finished = 0;  // runs
  std::vector<std::string> seeds;     // of the repetitions
  std::vector<ExperimentPoint> points;
};

struct ExperimentResults {
  ExperimentFile file;
  ExperimentEnvironment environment;
  CsvTable runs;                      // results.csv
  std::optional<CsvTable> breakdown;  // breakdown.csv
};

// Errors name file, line or field, expected and found.
StatusOr<ExperimentResults> ReadExperimentResults(const std::filesystem::path& directory);

}  // namespace lutra

#endif  // LUTRA_ANALYSIS_EXPERIMENT_RESULTS_H_
