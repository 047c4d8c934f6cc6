# SPDX-License-Identifier: Apache-2.0
# Puts the page's style and scripts into its skeleton, and that into a C++
# source: cmake -DFOLDER=… -DOUTPUT=… -P embed.cmake
file(READ ${FOLDER}/page.html page)
file(READ ${FOLDER}/page.css style)
set(script "")
foreach(name base tables heatmap histograms timeline flow main)
  file(READ ${FOLDER}/${name}.js part)
  string(APPEND script "${part}")
endforeach()
string(REPLACE "@CSS@" "${style}" page "${page}")
string(REPLACE "@JS@" "${script}" page "${page}")
file(WRITE ${OUTPUT} "// Made by src/views/page/embed.cmake.
#include \"views/page/report_page_template.h\"
namespace fusetrace {
const std::string_view report_page_template = R\"fusetrace_page(${page})fusetrace_page\";
}
")
