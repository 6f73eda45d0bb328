// SPDX-License-Identifier: GPL-2.0-only
/* Page tables come and go beside the live one, while its mappings change. */

static void *stress_objects(void *arg)
{
	struct stress_job *job = arg;
	struct host *host = job->vm->host;
	__u32 hwpt;

	while (stress_goes_on(job)) {
		job->rc = iommufd_hwpt_alloc(host->fd, job->vm->edu->dev,
					     host->ioas, 0, &hwpt);
		if (!job->rc)
			job->rc = iommufd_destroy(host->fd, hwpt);
		job->rounds++;
	}
	return NULL;
}

/* Between domains of different DIDs an entry is not there for a moment. */
TEST_F_TIMEOUT(stress, everything_at_once, 120)
{
	static void *(*const work[])(void *) = {
		stress_map, stress_attach, stress_objects, stress_objects,
	};
	struct vm *vm = &self->vm;
	struct stress_job job = {
		.vm = vm,
		.scratch = self->scratch,
		.pauses = true,
	};

	ASSERT_EQ(0, iommufd_hwpt_alloc(self->host.fd, vm->edu->dev,
					self->host.ioas, 0, &job.other));
	stress_run(_metadata, &job, work, ARRAY_SIZE(work));
}

/* The guest invalidates what the device uses. */
static void *stress_invalidate(void *arg)
{
	struct stress_job *job = arg;
	struct vm *vm = job->vm;

	while (stress_goes_on(job)) {
		job->rc = s1_flush(vm->host, vm->hwpt, IOVA, 1 + job->rounds % 600,
				   0);
		job->rounds++;
	}
	return NULL;
}

/* From one of a guest's tables to another nothing is missed. */
TEST_F_TIMEOUT(stress, nested, 120)
{
	static void *(*const work[])(void *) = {
		stress_map, stress_attach, stress_objects, stress_invalidate,
	};
	struct host *host = &self->host;
	struct vm *vm = &self->vm;
	struct stress_job job = { .vm = vm, .scratch = self->scratch };
	unsigned int i;
	__u64 *root;

	host_make_s2(_metadata, host, 0);
	if (_metadata->exit_code)
		return;
	for (i = 0; i < 2; i++) {
		root = new_table(_metadata, host);
		*fl_entry(_metadata, host, root, IOVA, 0) =
			page_gpa(host, PAGE_A) | FL_PAGE;
		ASSERT_EQ(0, s1_alloc(host, root, i ? &job.other : &vm->hwpt));
	}
	ASSERT_EQ(0, vm_attach(vm));
	stress_run(_metadata, &job, work, ARRAY_SIZE(work));
}
