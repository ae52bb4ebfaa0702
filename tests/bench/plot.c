/*
 * A plot of the ratios, as SVG: a bar for each row, a line across its end for
 * the quartiles, and a mark for the goal.  The scale is logarithmic, so that
 * twice as fast and half as fast are equally far from 1.
 */
#include "config.h"

#include <math.h>
#include <stdio.h>

#include "bench.h"

#define WIDTH 800
#define LEFT 290		/* of this, the names */
#define RIGHT 740
#define ROW_HEIGHT 24
#define TOP 50
/* The ends of the scale. */
#define LOWEST 0.5
#define DOUBLINGS 5

static double
x_of(double ratio)
{
	if (ratio < LOWEST)
		ratio = LOWEST;
	if (ratio > LOWEST * (1 << DOUBLINGS))
		ratio = LOWEST * (1 << DOUBLINGS);
	return LEFT + (RIGHT - LEFT) * log2(ratio / LOWEST) / DOUBLINGS;
}

static void
put_line(FILE *f, double x1, double y1, double x2, double y2,
    const char *style)
{
	fprintf(f, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" "
	    "%s/>\n", x1, y1, x2, y2, style);
}

static void
put_text(FILE *f, double x, double y, const char *anchor, const char *text)
{
	fprintf(f, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">%s"
	    "</text>\n", x, y, anchor, text);
}

static void
put_scale(FILE *f, double bottom)
{
	char text[16];
	double ratio;
	int i;

	for (i = 0; i < DOUBLINGS + 1; i++) {
		ratio = LOWEST * (1 << i);
		put_line(f, x_of(ratio), TOP - 6, x_of(ratio), bottom,
		    ratio == 1 ? "stroke=\"#444\"" : "stroke=\"#ddd\"");
		snprintf(text, sizeof(text), "%g", ratio);
		put_text(f, x_of(ratio), TOP - 12, "middle", text);
	}
}

static const char *
color_of(const struct result *r)
{
	int reached = result_reached(r);

	if (reached < 0)
		return "#8ab";
	return reached ? "#5a5" : "#c66";
}

static void
put_bar(FILE *f, const struct result *r, double y)
{
	double from = x_of(1), to = x_of(r->ratio.median), middle = y + 7;
	char text[96];

	snprintf(text, sizeof(text), "%s: %s", r->row->entrant->load->name,
	    r->row->title);
	put_text(f, LEFT - 10, y + 11, "end", text);
	fprintf(f, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"14\" "
	    "fill=\"%s\"/>\n", from < to ? from : to, y,
	    from < to ? to - from : from - to, color_of(r));
	put_line(f, x_of(r->ratio.low), middle, x_of(r->ratio.high), middle,
	    "stroke=\"#000\" stroke-width=\"2\"");
	if (r->row->goal > 0)
		put_line(f, x_of(r->row->goal), y - 3, x_of(r->row->goal),
		    y + 17, "stroke=\"#00c\" stroke-dasharray=\"3,2\"");
	snprintf(text, sizeof(text), "%.2f", r->ratio.median);
	put_text(f, WIDTH - 12, y + 11, "end", text);
}

void
plot_results(FILE *f, const struct result *r, int n)
{
	double y = TOP;
	int i, bars = 0;

	for (i = 0; i < n; i++)
		bars += r[i].row->base != NULL;
	fprintf(f, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" "
	    "height=\"%d\" font-family=\"sans-serif\" font-size=\"12\">\n"
	    "<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n",
	    WIDTH, TOP + bars * ROW_HEIGHT + 10);
	put_text(f, 10, 20, "start", "libevtun: ratio to a bare loop of "
	    "system calls; line: quartiles; dashes: goal");
	put_scale(f, TOP + bars * ROW_HEIGHT);
	for (i = 0; i < n; i++) {
		if (r[i].row->base == NULL)
			continue;
		put_bar(f, &r[i], y);
		y += ROW_HEIGHT;
	}
	fputs("</svg>\n", f);
}
