// SPDX-License-Identifier: GPL-2.0-only
/* Nested page tables: a guest's stage 1 over the host's stage 2. */

FIXTURE(nested)
{
	struct host host;
	struct vm vm;
};

FIXTURE_SETUP(nested)
{
	nest_up(_metadata, &self->host, &self->vm);
}

FIXTURE_TEARDOWN(nested)
{
	host_down(&self->host);
}

TEST_F(nested, translate)
{
	struct host *host = &self->host;
	struct vm *vm = &self->vm;
	unsigned int i;

	vm_map(_metadata, vm, IOVA, PAGE_C);
	vm_map(_metadata, vm, IOVA + GUEST_PAGE, PAGE_D);
	ASSERT_EQ(0, edu_attach(vm->edu, vm->hwpt));

	for (i = 0; i < PAGE_WORDS; i++)
		host->page[2][i] = ~marker(i);
	ASSERT_EQ(0, edu_load(vm->edu, IOVA, 0, GUEST_PAGE));
	ASSERT_EQ(0, edu_store(vm->edu, IOVA + GUEST_PAGE, 0, GUEST_PAGE));
	EXPECT_EQ(0, memcmp(host->page[2], host->page[3], GUEST_PAGE));
}
