// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <string.h>

#include "smmuv3.h"
#include "smmuv3_tables.h"

static unsigned int s1_index_bits(const struct s1 *s1)
{
	return s1->granule - 3;
}

static unsigned int s1_shift(const struct s1 *s1, unsigned int level)
{
	return s1->granule + (S1_LAST_LEVEL - level) * s1_index_bits(s1);
}

size_t s1_block_size(const struct s1 *s1, unsigned int level)
{
	return (size_t)1 << s1_shift(s1, level);
}

int s1_init(struct s1 *s1, struct guest *guest, unsigned int granule,
	    unsigned int va_bits)
{
	unsigned int levels;
	void *table;

	*s1 = (struct s1){
		.guest = guest,
		.granule = granule,
		.va_bits = va_bits,
	};
	levels = (va_bits - granule + s1_index_bits(s1) - 1) / s1_index_bits(s1);
	s1->start_level = S1_LAST_LEVEL + 1 - levels;

	table = guest_alloc(guest, (size_t)1 << granule);
	if (!table)
		return -ENOMEM;
	s1->ttb = guest_gpa(guest, table);
	return 0;
}

__u64 *s1_entry(const struct s1 *s1, __u64 iova, unsigned int level, bool make)
{
	__u64 mask = ((__u64)1 << s1_index_bits(s1)) - 1;
	__u64 *table = guest_va(s1->guest, s1->ttb);
	unsigned int at;

	for (at = s1->start_level; table; at++) {
		__u64 *entry = &table[(iova >> s1_shift(s1, at)) & mask];

		if (at == level)
			return entry;
		if (!(*entry & S1_VALID)) {
			void *next = NULL;

			if (make)
				next = guest_alloc(s1->guest,
						   (size_t)1 << s1->granule);
			if (!next)
				return NULL;
			*entry = guest_gpa(s1->guest, next) | S1_VALID |
				 S1_TABLE;
		}
		table = guest_va(s1->guest, *entry & S1_ADDRESS);
	}
	return NULL;
}

int s1_map_at(const struct s1 *s1, __u64 iova, __u64 gpa, unsigned int level,
	      __u64 attributes)
{
	__u64 *entry = s1_entry(s1, iova, level, true);

	if (!entry)
		return -ENOMEM;
	*entry = gpa | attributes | (level == S1_LAST_LEVEL ? S1_TABLE : 0);
	return 0;
}

int s1_map(const struct s1 *s1, __u64 iova, __u64 gpa)
{
	return s1_map_at(s1, iova, gpa, S1_LAST_LEVEL, S1_LEAF);
}

void s1_unmap(const struct s1 *s1, __u64 iova)
{
	__u64 *entry = s1_entry(s1, iova, S1_LAST_LEVEL, false);

	if (entry)
		*entry = 0;
}

void cd_write(__u64 *cd, const struct s1 *s1, __u16 asid, unsigned int ips)
{
	/* CD.TG0 */
	unsigned int tg0 = s1->granule == 12 ? 0 : s1->granule == 16 ? 1 : 2;

	memset(cd, 0, CD_SIZE);
	cd[1] = s1->ttb & CD1_TTB0;
	/* Attribute index 0: normal memory, write-back, read and write allocate */
	cd[3] = 0xff;
	cd[0] = CD0_T0SZ(64 - s1->va_bits) | CD0_TG0(tg0) |
		CD0_IR0(SMMU_CACHE_WBRAWA) | CD0_OR0(SMMU_CACHE_WBRAWA) |
		CD0_SH0(SMMU_SHARE_INNER) | CD0_EPD1 | CD0_V | CD0_IPS(ips) |
		CD0_AA64 | CD0_R | CD0_A | CD0_ASET | CD0_ASID(asid);
}

void ste_s1(__u64 ste[2], __u64 cd_gpa, unsigned int log2_num)
{
	ste[0] = STE0_V | STE0_CONFIG(STE_CONFIG_S1) |
		 (cd_gpa & STE0_S1CONTEXTPTR) | STE0_S1CDMAX(log2_num);
	ste[1] = STE1_S1DSS(STE_S1DSS_SSID0) | STE1_S1CIR(SMMU_CACHE_WBRAWA) |
		 STE1_S1COR(SMMU_CACHE_WBRAWA) | STE1_S1CSH(SMMU_SHARE_INNER);
}
