// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {SeatId} from "../types/Ids.sol";

/// @title The seal
/// @notice Checks that a quorum of seats signed a digest, and says which (R7.4).
/// @dev KEYS. The report keys of a committee version are code: one zero byte, so that nobody can run it, then one word
/// per seat, zero where the seat is vacant. The address of that code follows from the committee and the version, since
/// a committee creates nothing else. Code never changes, so what a version's keys were stays provable for ever.
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
    function quorum(uint256 seats) internal pure returns (uint256) {
        return seats * 2 / 3 + 1;
    }

    /// @notice Reverts unless `seal` holds a signature over `digest` by each seat of `signers`, a quorum of `seats`.
    /// @param signers bit `i` is seat `i`.
    /// @param keys where the report keys of the version are (`keysAt`).
    function check(bytes32 digest, uint256 signers, bytes calldata seal, address keys, uint256 seats)
        internal
        view
    {
        uint256 wanted = quorum(seats);
        if (seal.length != wanted * SIGNATURE_LENGTH) {
            revert SealLength(seal.length, wanted * SIGNATURE_LENGTH);
        }
        if (signers >> seats != 0) revert SignerNotSeated(signers, seats);

        address[] memory reportKeys = read(keys, seats);
        uint256 offset;
        uint256 at;
        assembly ("memory-safe") {
            offset := seal.offset
        }
        for (uint256 seat = 0; seat < seats; ++seat) {
            if (signers >> seat & 1 == 0) continue;
            if (at == wanted) revert SignersNotQuorum(signers, wanted);
            bytes32 r;
            bytes32 vs;
            // Both words lie inside `seal`: `at` is below `wanted`, and its length was compared with that.
            assembly ("memory-safe") {
                let place := add(offset, mul(at, 64))
                r := calldataload(place)
                vs := calldataload(add(place, 32))
            }
            _checkOne(digest, r, vs, reportKeys[seat], seat);
            ++at;
        }
        if (at != wanted) revert SignersNotQuorum(signers, wanted);
    }

    /// @dev A key of zero is refused first, as `ecrecover` gives zero for what is no signature at all.
    function _checkOne(bytes32 digest, bytes32 r, bytes32 vs, address wanted, uint256 seat) private pure {
        if (wanted == address(0)) revert SeatVacant(_seatId(seat));
        if (!isLow(vs)) revert SignatureMalleable(_seatId(seat));
        address recovered = recover(digest, r, vs);
        if (recovered != wanted) revert SignatureNotOfSeat(_seatId(seat), recovered, wanted);
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

    /// @notice Where the report keys of a version are: the address of what `committee` created as its `version`-th.
    function keysAt(address committee, uint24 version) internal pure returns (address) {
        // The RLP of (creator, nonce), whose length and form depend on the nonce. Each narrowing follows its bound.
        // forge-lint: disable-start(unsafe-typecast)
        bytes memory rlp;
        if (version < 0x80) rlp = abi.encodePacked(hex"d694", committee, uint8(version));
        else if (version < 0x100) rlp = abi.encodePacked(hex"d794", committee, hex"81", uint8(version));
        else if (version < 0x10000) rlp = abi.encodePacked(hex"d894", committee, hex"82", uint16(version));
        else rlp = abi.encodePacked(hex"d994", committee, hex"83", version);
        return address(uint160(uint256(keccak256(rlp))));
        // forge-lint: disable-end(unsafe-typecast)
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

    function _seatId(uint256 seat) private pure returns (SeatId) {
        // A seat's number is below 32.
        // forge-lint: disable-next-line(unsafe-typecast)
        return SeatId.wrap(uint8(seat));
    }
}
