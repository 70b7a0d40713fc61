#include "harness.h"
const struct fault_case cases_more[] = {{0}}, cases_signal[] = {{0}}, cases_resource[] = {{0}}, cases_identity[] = {{0}};
