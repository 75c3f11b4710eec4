// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";

/// @title Tokens
/// @notice The charter's token, called with a stated bound of gas and at most one word of answer (R1.9).
library Tokens {
    /// @notice Gas any one call of the token may use.
    uint256 internal constant CALL_GAS = 200_000;

    error GasTooLittle(uint256 given, uint256 wanted);
    error TokenRefused(address token);
    error TokenShort(uint256 received, uint256 wanted);

    /// @notice Pulls exactly `amount`; refuses a token that delivers another amount, as one with a fee does.
    function pull(IERC20 token, address from, uint256 amount) internal {
        uint256 before = token.balanceOf{gas: CALL_GAS}(address(this));
        _mustCall(token, abi.encodeCall(IERC20.transferFrom, (from, address(this), amount)));
        uint256 received = token.balanceOf{gas: CALL_GAS}(address(this)) - before;
        if (received != amount) revert TokenShort(received, amount);
    }

    /// @notice Sends `amount` to `to`.
    function push(IERC20 token, address to, uint256 amount) internal {
        _mustCall(token, abi.encodeCall(IERC20.transfer, (to, amount)));
    }

    /// @notice Shows the token a permit. A refusal is no error: somebody may have shown it already, and then the
    /// allowance is there.
    function tryPermit(
        IERC20 token,
        address owner,
        uint256 amount,
        uint256 deadline,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) internal {
        _call(token, abi.encodeCall(IERC20Permit.permit, (owner, address(this), amount, deadline, v, r, s)));
    }

    /// @dev Success is a call that does not revert and answers nothing, or true, from an address with code.
    function _mustCall(IERC20 token, bytes memory deed) private {
        (bool success, uint256 size, uint256 answer) = _call(token, deed);
        if (!success || (size == 0 ? address(token).code.length == 0 : answer != 1)) {
            revert TokenRefused(address(token));
        }
    }

    function _call(IERC20 token, bytes memory deed)
        private
        returns (bool success, uint256 size, uint256 answer)
    {
        // A call can pass on at most 63/64 of the gas left; without the whole bound the token might fail for want of it.
        uint256 wanted = CALL_GAS + CALL_GAS / 63 + 5000;
        if (gasleft() < wanted) revert GasTooLittle(gasleft(), wanted);
        // Assembly, because a plain call would copy whatever the token returns into memory, however long.
        assembly ("memory-safe") {
            mstore(0, 0)
            success := call(CALL_GAS, token, 0, add(deed, 0x20), mload(deed), 0, 0x20)
            size := returndatasize()
            answer := mload(0)
        }
    }
}
