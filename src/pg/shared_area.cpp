/*
 * The module's area of shared memory (see shared_area.h).
 */
#include "pg/shared_area.h"

namespace session_guard
{

namespace
{

const SharedArea *registered = nullptr;

#if PG_VERSION_NUM >= 190000

void *memory = nullptr;

void
request(void *)
{
	ShmemStructOpts options{};

	options.name = registered->name;
	options.size = static_cast<ssize_t>(registered->size());
	options.ptr = &memory;
	ShmemRequestStructWithOpts(&options);
}

void
init(void *)
{
	MemSet(memory, 0, registered->size());
	registered->init(memory, false);
}

void
attach(void *)
{
	registered->init(memory, true);
}

#else

shmem_request_hook_type previous_shmem_request_hook = nullptr;
shmem_startup_hook_type previous_shmem_startup_hook = nullptr;

void
request()
{
	if (previous_shmem_request_hook)
		previous_shmem_request_hook();
	RequestAddinShmemSpace(registered->size());
}

void
startup()
{
	Size size = registered->size();
	bool found;

	if (previous_shmem_startup_hook)
		previous_shmem_startup_hook();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	void *memory = ShmemInitStruct(registered->name, size, &found);
	if (!found)
		MemSet(memory, 0, size);
	registered->init(memory, found);
	LWLockRelease(AddinShmemInitLock);
}

#endif

} // namespace

void
register_shared_area(const SharedArea &area)
{
	registered = &area;
#if PG_VERSION_NUM >= 190000
	static constexpr ShmemCallbacks callbacks{.flags = 0,
	                                          .request_fn = request,
	                                          .init_fn = init,
	                                          .attach_fn = attach,
	                                          .opaque_arg = nullptr};

	RegisterShmemCallbacks(&callbacks);
#else
	previous_shmem_request_hook = shmem_request_hook;
	shmem_request_hook = request;
	previous_shmem_startup_hook = shmem_startup_hook;
	shmem_startup_hook = startup;
#endif
}

} // namespace session_guard
