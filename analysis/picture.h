// A flat picture of rectangles, lines and text, drawn once and written as SVG (for pages, where
// style sheets may recolour ink and ground by class) and as PDF (for papers).
#ifndef LUTRA_ANALYSIS_PICTURE_H_
#define LUTRA_ANALYSIS_PICTURE_H_

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/status.h"

namespace lutra {

// What a colour is for, where it must differ on a dark ground; `kOwn` is the colour given.
enum class Ink { kOwn, kText, kMuted, kRule, kGround };

class Picture {
 public:
  enum class Anchor { kStart, kMiddle, kEnd };

  // In pixels, 96 to the inch. The title is read out where the picture cannot be seen.
  Picture(double width, double height, std::string_view title);

  double width() const { return width_; }
  double height() const { return height_; }

  // `tip` is shown under the pointer; empty for none.
  void Rectangle(double x, double y, double width, double height, std::string_view color,
                 std::string_view tip = "");
  void Rectangle(double x, double y, double width, double height, Ink ink,
                 std::string_view tip = "");
  void Line(double x1, double y1, double x2, double y2, Ink ink = Ink::kRule);
  // `y` is the base line.
  void Text(double x, double y, std::string_view text, double size, Anchor anchor = Anchor::kStart,
            Ink ink = Ink::kText, bool bold = false);

  // XML in UTF-8, the same in every run. What is no character of XML becomes a space.
  std::string Svg() const;
  // A page of the picture's size. An error says what cannot be drawn.
  StatusOr<std::string> Pdf() const;

  // At least what the text takes in the fonts that are used.
  static double TextWidth(std::string_view text, double size);
  // The text, cut with an ellipsis to what fits.
  static std::string Fitted(std::string_view text, double size, double width);

 private:
  struct Box {
    double x, y, width, height;
    std::string color;
    Ink ink;
    std::string tip;
  };
  struct Stroke {
    double x1, y1, x2, y2;
    Ink ink;
  };
  struct Label {
    double x, y;
    std::string text;
    double size;
    Anchor anchor;
    Ink ink;
    bool bold;
  };

  double width_;
  double height_;
  std::string title_;
  std::vector<std::variant<Box, Stroke, Label>> shapes_;
};

// Text for XML and HTML, in attributes too: & < > and quotes escaped, characters that XML does not
// allow and bytes that are no UTF-8 replaced.
std::string EscapeXml(std::string_view text);
// Text as UTF-8 without control characters: bytes and characters that are not allowed are replaced.
std::string CleanText(std::string_view text);

}  // namespace lutra

#endif  // LUTRA_ANALYSIS_PICTURE_H_
