// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {SeatId} from "../types/Ids.sol";

/// @title The seal
/// @notice Checks that a quorum of seats signed a digest, and says which (R7.4).
/// @dev KEYS. The report keys of a committee version are code: one zero byte, so that nobody can run it, then one word
/// per seat, zero where the seat is vacant. Code never changes, so what a version's keys were stays provable for ever.
/// PROOF. The one proof known is a list of compact ECDSA signatures (EIP-2098), exactly `quorum(n)` of them in ascending
/// order of seats: exactly, so that the cost is known beforehand. A seal of another form, told apart by its length,
/// would be checked here too and speak for the same bitmap of seats; callers would not change.
library Seal {
    /// @dev Half the order of secp256k1: of the two `s` that fit one signature, only the lower is taken.
    uint256 private constant HALF_ORDER = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0;
    uint256 private constant SIGNATURE_LENGTH = 64;

    error SealLength(uint256 given, uint256 wanted);
    error SignersNotQuorum(uint256 signers, uint256 wanted);
    error SignerNotSeated(uint256 signers, uint256 seats);
    error SeatVacant(SeatId seat);
    error SignatureMalleable(SeatId seat);
    error SignatureNotOfSeat(SeatId seat, address recovered, address wanted);
    error KeysNotWritten();

    /// @notice `floor(2n/3) + 1` seats (R7.4).
    /// @param seats at most 31.
    function quorum(uint256 seats) internal pure returns (uint256) {
        unchecked {
            return seats * 2 / 3 + 1;
        }
    }

    /// @notice Reverts unless `seal` holds a signature over `digest` by each seat of `signers`, a quorum of `seats`.
    /// @dev The loop is in assembly, since each gas in it is paid up to 21 times per report; its plain twin is in the
    /// tests. On a refusal it stops at the seat concerned, and the reason is found out afterwards.
    /// @param signers bit `i` is seat `i`.
    /// @param keys where the report keys of the version are written.
    /// @param seats of the committee.
    function check(bytes32 digest, uint32 signers, bytes calldata seal, address keys, uint256 seats)
        internal
        view
    {
        unchecked {
            uint256 wanted = quorum(seats);
            uint256 length = wanted * SIGNATURE_LENGTH;
            if (seal.length != length) revert SealLength(seal.length, length);
            if (signers >> seats != 0) revert SignerNotSeated(signers, seats);
            if (_ones(signers) != wanted) revert SignersNotQuorum(signers, wanted);
        }

        uint256 left = signers;
        uint256 keyAt;
        uint256 signatureAt;
        assembly ("memory-safe") {
            // Memory from `free` on: digest, v, r and s as `ecrecover` takes them, then one word per seat with its key,
            // zero beyond the code. Nothing else uses that memory before the reason is found. The answer of `ecrecover`
            // is the word at 32; where there is no signer it returns nothing, and the word at 0 is read, which is zero.
            let free := mload(0x40)
            let v := add(free, 32)
            let r := add(free, 64)
            let s := add(free, 96)
            let half := HALF_ORDER
            let low := shr(1, not(0))
            mstore(0, 0)
            mstore(free, digest)
            keyAt := add(free, 128)
            extcodecopy(keys, keyAt, 1, shl(5, seats))
            // As many signatures as bits, as was compared above: `signatureAt` never leaves the seal.
            signatureAt := seal.offset
            for {} left { left := shr(1, left) } {
                if and(left, 1) {
                    let vs := calldataload(add(signatureAt, 32))
                    mstore(v, add(27, shr(255, vs)))
                    mstore(r, calldataload(signatureAt))
                    vs := and(vs, low)
                    mstore(s, vs)
                    pop(staticcall(gas(), 1, free, 128, 32, 32))
                    let key := mload(keyAt)
                    // A vacant seat's key is zero, as is what is recovered from no signature at all.
                    if or(or(iszero(key), gt(vs, half)), sub(mload(returndatasize()), key)) { break }
                    signatureAt := add(signatureAt, SIGNATURE_LENGTH)
                }
                keyAt := add(keyAt, 32)
            }
        }
        if (left != 0) _refuse(keyAt, signatureAt);
    }

    /// @dev Why `check` stopped: at the key at `keyAt` in its memory, for the signature at `signatureAt` in calldata.
    function _refuse(uint256 keyAt, uint256 signatureAt) private pure {
        uint256 seat;
        address key;
        address recovered;
        bytes32 vs;
        assembly ("memory-safe") {
            seat := shr(5, sub(keyAt, add(mload(0x40), 128)))
            key := mload(keyAt)
            recovered := mload(returndatasize())
            vs := calldataload(add(signatureAt, 32))
        }
        // A seat's number is below 32.
        // forge-lint: disable-next-line(unsafe-typecast)
        SeatId refused = SeatId.wrap(uint8(seat));
        if (key == address(0)) revert SeatVacant(refused);
        if (!isLow(vs)) revert SignatureMalleable(refused);
        revert SignatureNotOfSeat(refused, recovered, key);
    }

    /// @dev How many bits are set: sums of pairs, nibbles, bytes, then all bytes by one product.
    function _ones(uint256 bits) private pure returns (uint256) {
        unchecked {
            bits -= bits >> 1 & 0x55555555;
            bits = (bits & 0x33333333) + (bits >> 2 & 0x33333333);
            bits = bits + (bits >> 4) & 0x0f0f0f0f;
            return bits * 0x01010101 >> 24 & 0xff;
        }
    }

    /// @notice True where the compact signature's `s` is the lower of the two that would fit.
    function isLow(bytes32 vs) internal pure returns (bool) {
        return uint256(vs) & uint256(type(int256).max) <= HALF_ORDER;
    }

    /// @notice The signer of a compact signature (EIP-2098); zero where it is none.
    function recover(bytes32 digest, bytes32 r, bytes32 vs) internal pure returns (address) {
        // The top bit is the parity; the sum is 27 or 28.
        // forge-lint: disable-next-line(unsafe-typecast)
        uint8 v = uint8(27 + (uint256(vs) >> 255));
        return ecrecover(digest, v, r, bytes32(uint256(vs) & uint256(type(int256).max)));
    }

    /// @notice The report keys written at `keys`; all zero where nothing is written there.
    function read(address keys, uint256 seats) internal view returns (address[] memory reportKeys) {
        reportKeys = new address[](seats);
        // The words were written by `write` from addresses, so each is a clean address.
        assembly ("memory-safe") {
            extcodecopy(keys, add(reportKeys, 32), 1, mul(seats, 32))
        }
    }

    /// @notice Writes report keys as the code of the next contract the caller creates.
    function write(address[] memory reportKeys) internal returns (address keys) {
        bytes memory code = new bytes(1 + 32 * reportKeys.length);
        for (uint256 i = 0; i < reportKeys.length; ++i) {
            address key = reportKeys[i];
            assembly ("memory-safe") {
                mstore(add(add(code, 33), mul(i, 32)), key)
            }
        }
        // Returns what follows these ten bytes as the code: PUSH2 length, DUP1, PUSH1 10, RETURNDATASIZE (zero),
        // CODECOPY, RETURNDATASIZE, RETURN. At most 31 seats, so the length fits.
        // forge-lint: disable-next-line(unsafe-typecast)
        bytes memory creation = abi.encodePacked(hex"61", uint16(code.length), hex"80600a3d393df3", code);
        assembly ("memory-safe") {
            keys := create(0, add(creation, 32), mload(creation))
        }
        if (keys == address(0)) revert KeysNotWritten();
    }
}
