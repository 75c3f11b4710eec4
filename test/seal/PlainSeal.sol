// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

import {Seal} from "../../contracts/libraries/Seal.sol";

/// @notice The seal's library as a contract, beside its twin without assembly, on OpenZeppelin's ECDSA.
contract PlainSeal {
    function check(bytes32 digest, uint32 signers, bytes calldata seal, address keys, uint256 seats)
        external
        view
    {
        Seal.check(digest, signers, seal, keys, seats);
    }

    /// @notice True where `check` should not revert.
    function holds(bytes32 digest, uint32 signers, bytes calldata seal, address[] calldata keys)
        external
        pure
        returns (bool)
    {
        uint256 wanted = 2 * keys.length / 3 + 1;
        if (seal.length != wanted * 64) return false;
        uint256 taken;
        for (uint256 seat = 0; seat < 32; ++seat) {
            if (signers & (uint256(1) << seat) == 0) continue;
            if (seat >= keys.length || taken == wanted || keys[seat] == address(0)) return false;
            bytes32 r = bytes32(seal[taken * 64:taken * 64 + 32]);
            bytes32 vs = bytes32(seal[taken * 64 + 32:taken * 64 + 64]);
            (address recovered, ECDSA.RecoverError fault,) = ECDSA.tryRecover(digest, r, vs);
            if (fault != ECDSA.RecoverError.NoError || recovered != keys[seat]) return false;
            ++taken;
        }
        return taken == wanted;
    }

    function write(address[] memory keys) external returns (address) {
        return Seal.write(keys);
    }

    function read(address keys, uint256 seats) external view returns (address[] memory) {
        return Seal.read(keys, seats);
    }

    function recover(bytes32 digest, bytes32 r, bytes32 vs) external pure returns (address) {
        return Seal.recover(digest, r, vs);
    }

    function quorum(uint256 seats) external pure returns (uint256) {
        return Seal.quorum(seats);
    }
}
