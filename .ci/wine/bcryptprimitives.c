/* Wine 8 lacks this library of Windows, which what is built with Rust gets its random numbers from (rpds). */
#include <windows.h>
#include <ntsecapi.h>

__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE data, SIZE_T length) { return RtlGenRandom(data, (ULONG)length); }
