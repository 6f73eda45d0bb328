// SPDX-License-Identifier: GPL-2.0-only
/* The disk beside a guest. */

/* The kernel's own DMA goes on while a guest on the same SMMU misbehaves. */
TEST_F_TIMEOUT(dma_api, reads_beside_a_guest, 300)
{
	struct host host;
	struct vm vm;
	int i;

	nest_up(_metadata, &host, &vm);
	if (_metadata->exit_code)
		return;
	ASSERT_EQ(0, edu_attach(vm.edu, vm.hwpt));
	for (i = 0; i < 4; i++) {
		edu_store_start(vm.edu, IOVA, 0, GUEST_PAGE);
		vm_invalidate(_metadata, &vm, smmu_cmd(CMD_TLBI_NSNH_ALL));
		memset(self->buffer, 0xff, DISK_CHUNK);
		ASSERT_EQ((ssize_t)DISK_CHUNK,
			  pread(self->fd, self->buffer, DISK_CHUNK,
				i * DISK_CHUNK));
		check_chunk(_metadata, self->buffer, i * DISK_CHUNK,
			    DISK_CHUNK);
		ASSERT_EQ(0, edu_wait(vm.edu));
	}
	host_down(&host);
}
