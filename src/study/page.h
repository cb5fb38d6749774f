/* The files of src/study/page and the chart library, embedded when Rung is built
 * (cmake/embed.cmake). Each ends with a 0 character. */
#ifndef RG_PAGE_H
#define RG_PAGE_H

extern const char rg_page_html[];   /* of a fit */
extern const char rg_page_script[]; /* of a fit */
extern const char rg_page_training_html[];
extern const char rg_page_training_script[];
extern const char rg_page_charts[]; /* script that both share */
extern const char rg_page_style[];
extern const char rg_page_chart_style[];
extern const char rg_page_chart_script[];
extern const char rg_page_chart_notice[];

#endif
