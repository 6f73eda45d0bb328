// SPDX-License-Identifier: GPL-2.0

#include <asm/cpu_device_id.h>

#include "helpers.h"

bool rust_helper_cpu_is_sapphire_rapids(void)
{
	return boot_cpu_data.x86_vfm == INTEL_SAPPHIRERAPIDS_X;
}
