// SPDX-License-Identifier: GPL-2.0-only
#include <stddef.h>

#include "smmuv3.h"

const char *smmu_event_name(unsigned int type)
{
	switch (type) {
	case EVT_C_BAD_STE:
		return "C_BAD_STE";
	case EVT_F_STREAM_DISABLED:
		return "F_STREAM_DISABLED";
	case EVT_C_BAD_SUBSTREAMID:
		return "C_BAD_SUBSTREAMID";
	case EVT_F_CD_FETCH:
		return "F_CD_FETCH";
	case EVT_C_BAD_CD:
		return "C_BAD_CD";
	case EVT_F_TRANSLATION:
		return "F_TRANSLATION";
	case EVT_F_ADDR_SIZE:
		return "F_ADDR_SIZE";
	case EVT_F_ACCESS:
		return "F_ACCESS";
	case EVT_F_PERMISSION:
		return "F_PERMISSION";
	default:
		return "unknown event";
	}
}

unsigned int smmu_oas_bits(unsigned int oas)
{
	static const unsigned char bits[] = { 32, 36, 40, 42, 44, 48, 52, 56 };

	return bits[oas & 7];
}
