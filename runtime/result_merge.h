/*
 * The steps of merging that a whole result and the state of one cell have in common. Private to result*.c.
 */
#ifndef JST_RESULT_MERGE_H
#define JST_RESULT_MERGE_H

#include "aggregation.h"

void jst_result_merge_sum(struct jst_sum *to, const struct jst_sum *from);
void jst_result_merge_extremes(struct jst_result *to, struct jst_value min, struct jst_value max);
/* count values with that mean and sum of squared differences; before they are added to to->count. */
void jst_result_merge_moments(struct jst_result *to, uint64_t count, double mean, double squares);
/* last and what is known of it; a string is copied. */
void jst_result_merge_last(struct jst_result *to, const struct jst_result *from);

/* Adds to a bucket, which is one of result->buckets. */
void jst_result_count(struct jst_result *result, uint32_t bucket, uint64_t count);
/* The JST_RESULT_ROW words of a row, made if there is none; good until the next row is made. */
uint64_t *jst_result_row(struct jst_result *result, uint32_t row);

/* Raises the registers of a row of distinct to those in JST_RESULT_ROW words, which are not trusted. */
void jst_result_merge_registers(struct jst_result *result, uint32_t row, const uint64_t *words);
/* Adds an exemplar, unless those that are kept of its power are later. */
void jst_result_merge_exemplar(struct jst_result *result, const struct jst_exemplar *exemplar);

/* An order of all values: by kind, then strings bytewise, the rest by their bits. */
int jst_result_compare_values(const struct jst_value *a, const struct jst_value *b);

/* reallocarray() that ends the CLI where there is no memory. */
void *jst_result_resize(void *old, size_t count, size_t size);

#endif
