#include "analysis/picture.h"

#include <cairo/cairo-pdf.h>
#include <cairo/cairo.h>

#include <array>
#include <charconv>
#include <cstdint>
#include <memory>

#include "analysis/cost_table.h"
#include "analysis/excerpt.h"

namespace lutra {
namespace {

constexpr std::string_view kFonts = "Helvetica, Arial, sans-serif";
constexpr double kPointsPerPixel = 0.75;

struct InkStyle {
  std::string_view name;   // of the class in a page
  std::string_view color;  // on white
};

const InkStyle& StyleOf(Ink ink) {
  static constexpr std::array<InkStyle, 5> kStyles = {{{"", ""},
                                                       {"ink", "#1B1B1B"},
                                                       {"muted", "#5F5F5F"},
                                                       {"rule", "#C9C9C9"},
                                                       {"ground", "#EEEEEE"}}};
  return kStyles[static_cast<size_t>(ink)];
}

std::string Class(Ink ink) {
  return ink == Ink::kOwn ? "" : StrCat(" class=\"", StyleOf(ink).name, "\"");
}

// A coordinate: at most two digits after the point, none that says nothing.
std::string Number(double value) {
  std::string text = Fixed(value, 2);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.ends_with('.')) text.pop_back();
  return text == "-0" ? "0" : text;
}

// What a character takes of the size of its font, at least: after DejaVu Sans, the widest in use.
double WidthOf(unsigned char character) {
  if (character >= 0x80) return (character & 0xC0) == 0x80 ? 0 : 0.84;  // of the first byte of some
  if (std::string_view("iljI.,:;'|!").find(static_cast<char>(character)) !=
      std::string_view::npos) {
    return 0.34;
  }
  if (std::string_view("mMwW%@").find(static_cast<char>(character)) != std::string_view::npos) {
    return 0.97;
  }
  if (std::string_view(" frt()[]-").find(static_cast<char>(character)) != std::string_view::npos) {
    return 0.42;
  }
  return character >= 'A' && character <= 'Z' ? 0.75 : 0.64;
}

void SetColor(cairo_t* context, std::string_view color) {
  std::array<double, 3> parts{};
  for (size_t i = 0; i < parts.size(); ++i) {
    uint8_t value = 0;
    const char* const begin = color.data() + 1 + 2 * i;
    std::from_chars(begin, begin + 2, value, 16);
    parts[i] = value / 255.0;
  }
  cairo_set_source_rgb(context, parts[0], parts[1], parts[2]);
}

cairo_status_t Append(void* text, const unsigned char* data, unsigned int size) {
  static_cast<std::string*>(text)->append(reinterpret_cast<const char*>(data), size);
  return CAIRO_STATUS_SUCCESS;
}

struct FreeContext {
  void operator()(cairo_t* context) const { cairo_destroy(context); }
};
struct FreeSurface {
  void operator()(cairo_surface_t* surface) const { cairo_surface_destroy(surface); }
};

template <class... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};
template <class... Cases>
Overloaded(Cases...) -> Overloaded<Cases...>;

}  // namespace

std::string CleanText(std::string_view text) {
  static constexpr size_t kMost = size_t{1} << 20;
  return Excerpt(text.substr(0, kMost), int64_t{4} << 20);
}

std::string EscapeXml(std::string_view text) {
  std::string escaped;
  for (const char character : CleanText(text)) {
    switch (character) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      case '\'':
        escaped += "&#39;";
        break;
      default:
        escaped += character;
    }
  }
  return escaped;
}

Picture::Picture(double width, double height, std::string_view title)
    : width_(width), height_(height), title_(title) {}

void Picture::Rectangle(double x, double y, double width, double height, std::string_view color,
                        std::string_view tip) {
  shapes_.emplace_back(Box{x, y, width, height, std::string(color), Ink::kOwn, std::string(tip)});
}

void Picture::Rectangle(double x, double y, double width, double height, Ink ink,
                        std::string_view tip) {
  shapes_.emplace_back(
      Box{x, y, width, height, std::string(StyleOf(ink).color), ink, std::string(tip)});
}

void Picture::Line(double x1, double y1, double x2, double y2, Ink ink) {
  shapes_.emplace_back(Stroke{x1, y1, x2, y2, ink});
}

void Picture::Text(double x, double y, std::string_view text, double size, Anchor anchor, Ink ink,
                   bool bold) {
  shapes_.emplace_back(Label{x, y, CleanText(text), size, anchor, ink, bold});
}

std::string Picture::Svg() const {
  std::string svg = StrCat("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"", Number(width_),
                           "\" height=\"", Number(height_), "\" viewBox=\"0 0 ", Number(width_),
                           " ", Number(height_), "\" role=\"img\" font-family=\"", kFonts,
                           "\"><title>", EscapeXml(title_), "</title>\n");
  const auto box = [&](const Box& shape) {
    svg += StrCat("<rect", Class(shape.ink), " x=\"", Number(shape.x), "\" y=\"", Number(shape.y),
                  "\" width=\"", Number(shape.width), "\" height=\"", Number(shape.height),
                  "\" fill=\"", shape.color, "\"");
    svg +=
        shape.tip.empty() ? "/>\n" : StrCat("><title>", EscapeXml(shape.tip), "</title></rect>\n");
  };
  const auto stroke = [&](const Stroke& shape) {
    svg += StrCat("<line", Class(shape.ink), " x1=\"", Number(shape.x1), "\" y1=\"",
                  Number(shape.y1), "\" x2=\"", Number(shape.x2), "\" y2=\"", Number(shape.y2),
                  "\" stroke=\"", StyleOf(shape.ink).color, "\"/>\n");
  };
  const auto label = [&](const Label& shape) {
    static constexpr std::array<std::string_view, 3> kAnchors = {"", " text-anchor=\"middle\"",
                                                                 " text-anchor=\"end\""};
    svg += StrCat("<text", Class(shape.ink), " x=\"", Number(shape.x), "\" y=\"", Number(shape.y),
                  "\" font-size=\"", Number(shape.size), "\"",
                  kAnchors[static_cast<size_t>(shape.anchor)], " fill=\"", StyleOf(shape.ink).color,
                  "\"");
    svg += StrCat(shape.bold ? " font-weight=\"bold\">" : ">", EscapeXml(shape.text), "</text>\n");
  };
  for (const auto& shape : shapes_) std::visit(Overloaded{box, stroke, label}, shape);
  return svg + "</svg>\n";
}

StatusOr<std::string> Picture::Pdf() const {
  std::string pdf;
  const std::unique_ptr<cairo_surface_t, FreeSurface> surface(cairo_pdf_surface_create_for_stream(
      Append, &pdf, width_ * kPointsPerPixel, height_ * kPointsPerPixel));
  // The same in every run.
  cairo_pdf_surface_set_metadata(surface.get(), CAIRO_PDF_METADATA_CREATE_DATE,
                                 "2000-01-01T00:00:00Z");
  cairo_pdf_surface_set_metadata(surface.get(), CAIRO_PDF_METADATA_TITLE,
                                 CleanText(title_).c_str());
  const std::unique_ptr<cairo_t, FreeContext> context(cairo_create(surface.get()));
  cairo_t* const pen = context.get();
  cairo_scale(pen, kPointsPerPixel, kPointsPerPixel);
  cairo_set_line_width(pen, 1);
  const auto box = [&](const Box& shape) {
    SetColor(pen, shape.color);
    cairo_rectangle(pen, shape.x, shape.y, shape.width, shape.height);
    cairo_fill(pen);
  };
  const auto stroke = [&](const Stroke& shape) {
    SetColor(pen, StyleOf(shape.ink).color);
    cairo_move_to(pen, shape.x1, shape.y1);
    cairo_line_to(pen, shape.x2, shape.y2);
    cairo_stroke(pen);
  };
  const auto label = [&](const Label& shape) {
    SetColor(pen, StyleOf(shape.ink).color);
    cairo_select_font_face(pen, "Helvetica", CAIRO_FONT_SLANT_NORMAL,
                           shape.bold ? CAIRO_FONT_WEIGHT_BOLD : CAIRO_FONT_WEIGHT_NORMAL);
    cairo_set_font_size(pen, shape.size);
    cairo_text_extents_t extents;
    cairo_text_extents(pen, shape.text.c_str(), &extents);
    const double shift = shape.anchor == Anchor::kStart    ? 0
                         : shape.anchor == Anchor::kMiddle ? extents.x_advance / 2
                                                           : extents.x_advance;
    cairo_move_to(pen, shape.x - shift, shape.y);
    cairo_show_text(pen, shape.text.c_str());
  };
  for (const auto& shape : shapes_) std::visit(Overloaded{box, stroke, label}, shape);
  const cairo_status_t drawn = cairo_status(pen);
  cairo_surface_finish(surface.get());
  const cairo_status_t written = cairo_surface_status(surface.get());
  if (drawn != CAIRO_STATUS_SUCCESS || written != CAIRO_STATUS_SUCCESS) {
    const cairo_status_t cause = drawn != CAIRO_STATUS_SUCCESS ? drawn : written;
    return Unavailable("cannot draw a PDF: ", cairo_status_to_string(cause));
  }
  return pdf;
}

double Picture::TextWidth(std::string_view text, double size) {
  double width = 0;
  for (const char character : text) width += WidthOf(static_cast<unsigned char>(character));
  return width * size;
}

std::string Picture::Fitted(std::string_view text, double size, double width) {
  std::string whole = CleanText(text);
  if (TextWidth(whole, size) <= width) return whole;
  while (!whole.empty() && TextWidth(whole + "…", size) > width) {
    while (whole.size() > 1 && ContinuesCharacter(whole.back())) {
      whole.pop_back();
    }
    whole.pop_back();
  }
  return whole.empty() ? whole : whole + "…";
}

}  // namespace lutra
