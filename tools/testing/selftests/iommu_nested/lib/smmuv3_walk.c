// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <string.h>

#include "pagemap.h"
#include "smmuv3.h"
#include "smmuv3_tables.h"
#include "smmuv3_walk.h"

static int walk_cd(const struct guest *guest, struct walk *walk)
{
	static const unsigned char granules[] = { 12, 16, 14 };
	unsigned int tg0;
	__u64 *cd;

	walk->cd_gpa = walk->ste[0] & STE0_S1CONTEXTPTR;
	cd = guest_va(guest, walk->cd_gpa);
	if (!cd)
		return -EFAULT;
	memcpy(walk->cd, cd, sizeof(walk->cd));
	tg0 = CD0_GET_TG0(walk->cd[0]);
	if (!(walk->cd[0] & CD0_V) || tg0 >= sizeof(granules))
		return -EFAULT;
	walk->granule = granules[tg0];
	return 0;
}

int walk_iova(const struct guest *guest, const __u64 ste[2], __u64 iova,
	      struct walk *walk)
{
	unsigned int bits, va_bits, level;
	__u64 table;
	int rc;

	*walk = (struct walk){ .iova = iova, .ste = { ste[0], ste[1] } };
	rc = walk_cd(guest, walk);
	if (rc)
		return rc;

	bits = walk->granule - 3;
	va_bits = 64 - CD0_GET_T0SZ(walk->cd[0]);
	level = S1_LAST_LEVEL + 1 - (va_bits - walk->granule + bits - 1) / bits;
	table = walk->cd[1] & CD1_TTB0;
	for (; level <= S1_LAST_LEVEL; level++) {
		unsigned int shift = walk->granule +
				     (S1_LAST_LEVEL - level) * bits;
		struct walk_step *step = &walk->step[walk->num_steps++];
		__u64 *entry;

		step->level = level;
		step->index = (iova >> shift) & (BIT_ULL(bits) - 1);
		step->gpa = table + step->index * sizeof(*entry);
		entry = guest_va(guest, step->gpa);
		if (!entry)
			return -EFAULT;
		step->descriptor = *entry;
		if (!(*entry & S1_VALID))
			return 0;
		table = *entry & S1_ADDRESS;
		if (level < S1_LAST_LEVEL && (*entry & S1_TABLE))
			continue;
		walk->mapped = true;
		walk->gpa = table | (iova & (BIT_ULL(shift) - 1));
		entry = guest_va(guest, walk->gpa);
		walk->hpa = entry ? host_address(entry) : 0;
		return 0;
	}
	return -EFAULT;
}
