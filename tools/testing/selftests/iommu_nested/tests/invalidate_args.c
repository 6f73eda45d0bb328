// SPDX-License-Identifier: GPL-2.0-only
/* Which commands of a guest are refused, and the count of what was done. */

FIXTURE(refusal)
{
	struct host host;
	struct vm vm;
};

FIXTURE_SETUP(refusal)
{
	nest_up(_metadata, &self->host, &self->vm);
	if (_metadata->exit_code)
		return;
	ASSERT_EQ(0, vm_attach(&self->vm));
}

FIXTURE_TEARDOWN(refusal)
{
	host_down(&self->host);
}

/* One command alone: its errno; a refused one must not count as done. */
static int try_cmd(struct __test_metadata *_metadata, struct vm *vm,
		   struct smmu_cmd cmd)
{
	__u32 done;
	int rc;

	rc = vm_invalidate_n(vm, &cmd, 1, &done);
	EXPECT_EQ(rc ? 0U : 1U, done) {
		TH_LOG("command %#llx %#llx: %d", cmd.w[0], cmd.w[1], rc);
	}
	return rc;
}

static bool guest_opcode(unsigned int opcode, bool ats)
{
	switch (opcode) {
	case CMD_CFGI_CD:
	case CMD_CFGI_CD_ALL:
	case CMD_TLBI_NH_ALL:
	case CMD_TLBI_NH_ASID:
	case CMD_TLBI_NH_VA:
	case CMD_TLBI_NH_VAA:
	case CMD_TLBI_NSNH_ALL:
		return true;
	case CMD_ATC_INV:
		return ats;
	default:
		return false;
	}
}

/* All 256: those of the host, of EL2, EL3 and Secure state, and the undefined. */
TEST_F(refusal, opcodes)
{
	bool ats = IDR0_ATS(self->host.smmu.idr[0]);
	struct vm *vm = &self->vm;
	unsigned int opcode;

	for (opcode = 0; opcode < 256; opcode++) {
		struct smmu_cmd cmd = smmu_cmd(opcode);

		if (opcode == CMD_CFGI_CD || opcode == CMD_CFGI_CD_ALL ||
		    opcode == CMD_ATC_INV)
			cmd.w[0] |= CMD0_SID(vm->vsid);
		EXPECT_EQ(guest_opcode(opcode, ats) ? 0 : -EIO,
			  try_cmd(_metadata, vm, cmd)) {
			TH_LOG("opcode %#x", opcode);
		}
	}
}

/* Every bit that a command does not define, alone. */
static void check_reserved(struct __test_metadata *_metadata, struct vm *vm,
			   struct smmu_cmd base, __u64 may0, __u64 may1)
{
	unsigned int bit;

	EXPECT_EQ(0, try_cmd(_metadata, vm, base));
	for (bit = 8; bit < 128; bit++) {
		struct smmu_cmd cmd = base;

		if ((bit < 64 ? may0 : may1) & BIT_ULL(bit % 64))
			continue;
		cmd.w[bit / 64] |= BIT_ULL(bit % 64);
		EXPECT_EQ(-EIO, try_cmd(_metadata, vm, cmd)) {
			TH_LOG("opcode %#llx, word %u, bit %u",
			       base.w[0] & 0xff, bit / 64, bit % 64);
		}
	}
}

TEST_F(refusal, reserved_bits_of_tlbi)
{
	struct host *host = &self->host;
	struct vm *vm = &self->vm;
	__u64 vmid = CMD0_VMID(0xffff);
	__u64 asid = CMD0_ASID(IDR0_ASID16(host->smmu.idr[0]) ? 0xffff : 0xff);
	__u64 va = CMD1_ADDRESS | CMD1_LEAF;
	__u64 tg = 0;

	/* A page size alone says nothing with TTL 0; see range_fields. */
	if (IDR3_RIL(host->smmu.idr[3]))
		tg = CMD1_TG(3);

	check_reserved(_metadata, vm, smmu_cmd(CMD_TLBI_NSNH_ALL), 0, 0);
	check_reserved(_metadata, vm, smmu_cmd(CMD_TLBI_NH_ALL), vmid, 0);
	check_reserved(_metadata, vm, smmu_cmd(CMD_TLBI_NH_ASID), vmid | asid, 0);
	check_reserved(_metadata, vm, smmu_cmd(CMD_TLBI_NH_VA), vmid | asid,
		       va | tg);
	check_reserved(_metadata, vm, smmu_cmd(CMD_TLBI_NH_VAA), vmid, va | tg);
}

TEST_F(refusal, reserved_bits_of_cfgi)
{
	unsigned int ssid_bits = IDR1_SSIDSIZE(self->host.smmu.idr[1]);
	struct vm *vm = &self->vm;
	__u64 sid = CMD0_SID(~0U);
	__u64 ssid = ssid_bits ? CMD0_SSID(0xfffff) : 0;

	check_reserved(_metadata, vm, smmu_cfgi_cd(vm->vsid, 0), sid | ssid,
		       CMD1_LEAF);
	check_reserved(_metadata, vm, smmu_cfgi_cd_all(vm->vsid), sid, 0);
}

/* What 4.4.1.1 reserves among NUM, SCALE, TG and TTL. */
TEST_F(refusal, range_fields)
{
	struct vm *vm = &self->vm;
	struct smmu_cmd cmd;

	if (!IDR3_RIL(self->host.smmu.idr[3]))
		SKIP(return, NO_RANGES);

	/* TG 0: no range, hence no NUM, SCALE and TTL */
	cmd = smmu_tlbi_va(ASID, IOVA);
	cmd.w[0] |= CMD0_NUM(1);
	EXPECT_EQ(-EIO, try_cmd(_metadata, vm, cmd));
	cmd = smmu_tlbi_va(ASID, IOVA);
	cmd.w[0] |= CMD0_SCALE(1);
	EXPECT_EQ(-EIO, try_cmd(_metadata, vm, cmd));
	cmd = smmu_tlbi_va(ASID, IOVA);
	cmd.w[1] |= CMD1_TTL(3);
	EXPECT_EQ(-EIO, try_cmd(_metadata, vm, cmd));
	/* TG without anything to apply it to */
	cmd = smmu_tlbi_va(ASID, IOVA);
	cmd.w[1] |= CMD1_TG(1);
	EXPECT_EQ(-EIO, try_cmd(_metadata, vm, cmd));
	/* good ones */
	cmd.w[1] |= CMD1_TTL(3);
	EXPECT_EQ(0, try_cmd(_metadata, vm, cmd));
	cmd.w[0] |= CMD0_NUM(31) | CMD0_SCALE(31);
	EXPECT_EQ(0, try_cmd(_metadata, vm, cmd));
}

TEST_F(refusal, unknown_vsid)
{
	struct vm *vm = &self->vm;

	EXPECT_EQ(-EIO, try_cmd(_metadata, vm, smmu_cfgi_cd(vm->vsid + 1, 0)));
	EXPECT_EQ(-EIO, try_cmd(_metadata, vm, smmu_cfgi_cd_all(~vm->vsid)));
	ASSERT_EQ(0, vm_forget(vm));
	EXPECT_EQ(-EIO, try_cmd(_metadata, vm, smmu_cfgi_cd(vm->vsid, 0)));
}

TEST_F(refusal, atc_inv_without_ats)
{
	struct smmu_cmd cmd = smmu_cmd(CMD_ATC_INV);

	if (IDR0_ATS(self->host.smmu.idr[0]))
		SKIP(return, "IDR0.ATS is 1: this SMMU takes ATC_INV");
	cmd.w[0] |= CMD0_SID(self->vm.vsid);
	EXPECT_EQ(-EIO, try_cmd(_metadata, &self->vm, cmd));
}

/*
 * The count is exactly the commands that were issued and completed. Each command
 * is for a page of its own, so the DMA tells which of them were.
 */
#define BATCH_MAX	300

FIXTURE(batch)
{
	struct host host;
	struct vm vm;
	struct smmu_cmd cmds[BATCH_MAX];
};

FIXTURE_VARIANT(batch)
{
	unsigned int len;	/* commands in the array */
	unsigned int bad;	/* which of them is refused */
};

FIXTURE_VARIANT_ADD(batch, first_of_3)
{
	.len = 3, .bad = 0,
};

FIXTURE_VARIANT_ADD(batch, second_of_3)
{
	.len = 3, .bad = 1,
};

FIXTURE_VARIANT_ADD(batch, last_of_3)
{
	.len = 3, .bad = 2,
};

/* Around the sizes that a driver may cut its batches at. */
FIXTURE_VARIANT_ADD(batch, at_63_of_100)
{
	.len = 100, .bad = 63,
};

FIXTURE_VARIANT_ADD(batch, at_64_of_100)
{
	.len = 100, .bad = 64,
};

FIXTURE_VARIANT_ADD(batch, at_290_of_300)
{
	.len = 300, .bad = 290,
};

FIXTURE_VARIANT_ADD(batch, none_of_300)
{
	.len = 300, .bad = 300,
};

static __u64 batch_iova(unsigned int i)
{
	return IOVA + i * GUEST_PAGE;
}

FIXTURE_SETUP(batch)
{
	struct vm *vm = &self->vm;
	unsigned int i;

	nest_up(_metadata, &self->host, vm);
	if (_metadata->exit_code)
		return;
	for (i = 0; i < variant->len; i++) {
		vm_map(_metadata, vm, batch_iova(i), PAGE_A);
		self->cmds[i] = smmu_tlbi_va(ASID, batch_iova(i));
	}
	if (variant->bad < variant->len)
		self->cmds[variant->bad] = smmu_cmd(CMD_TLBI_EL2_ALL);
	ASSERT_EQ(0, vm_attach(vm));
}

FIXTURE_TEARDOWN(batch)
{
	host_down(&self->host);
}

/* Both ends, and both sides of the bad command: a DMA for each takes time. */
static bool batch_watched(unsigned int i, unsigned int len, unsigned int bad)
{
	if (i == bad)
		return false;
	return i == 0 || i == len - 1 || i + 1 == bad || i == bad + 1;
}

TEST_F(batch, count_is_what_was_done)
{
	const unsigned int len = variant->len, bad = variant->bad;
	struct vm *vm = &self->vm;
	unsigned int i;
	__u32 done;

	for (i = 0; i < len; i++)
		if (batch_watched(i, len, bad))
			ASSERT_EQ(PAGE_A, vm_hits(_metadata, vm, batch_iova(i)));
	for (i = 0; i < len; i++)
		vm_map(_metadata, vm, batch_iova(i), PAGE_B);

	EXPECT_EQ(bad < len ? -EIO : 0,
		  vm_invalidate_n(vm, self->cmds, len, &done));
	EXPECT_EQ(bad, done);
	for (i = 0; i < len; i++) {
		if (!batch_watched(i, len, bad))
			continue;
		EXPECT_EQ(i < bad ? PAGE_B : PAGE_A,
			  vm_hits(_metadata, vm, batch_iova(i))) {
			TH_LOG("command %u of %u, number %u is bad, %u are done",
			       i, len, bad, done);
		}
	}
}
