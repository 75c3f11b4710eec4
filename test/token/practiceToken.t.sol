// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";

import {PracticeToken} from "../../contracts/PracticeToken.sol";
import {Base} from "../Base.t.sol";

contract PracticeTokenTest is Base {
    uint256 private constant H = 1e6;

    PracticeToken private token;
    address private ada;
    address private bo;

    function setUp() external {
        token = new PracticeToken();
        ada = personOf("ada");
        bo = personOf("bo");
    }

    function test_R0_SixDecimals() external view {
        vm.assertEq(token.decimals(), 6, "R0: 6 decimals");
        vm.assertEq(token.totalSupply(), 0, "nobody has any at first");
    }

    /* MINT */

    function testFuzz_AnyoneMintsUpToAThousandH(address caller, uint256 amount) external {
        amount = bound(amount, 0, 1000 * H);

        vm.prank(caller);
        token.mint(ada, amount);

        vm.assertEq(token.balanceOf(ada), amount, "exactly what was asked");
        vm.assertEq(token.totalSupply(), amount, "and nothing besides");
    }

    function testFuzz_RefusesMoreInOneCall(uint256 amount) external {
        amount = bound(amount, 1000 * H + 1, type(uint256).max);

        vm.expectRevert(abi.encodeWithSelector(PracticeToken.MintTooLarge.selector, amount, 1000 * H));
        token.mint(ada, amount);
    }

    function test_MintsAgain() external {
        token.mint(ada, 1000 * H);
        token.mint(ada, 1000 * H);

        vm.assertEq(token.balanceOf(ada), 2000 * H, "worth nothing, so there is no end to it");
    }

    /* PERMIT */

    function permitOf(uint256 amount, uint256 deadline) private view returns (bytes32) {
        bytes32 structHash = keccak256(
            abi.encode(
                keccak256(
                    "Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"
                ),
                ada,
                bo,
                amount,
                token.nonces(ada),
                deadline
            )
        );
        return keccak256(abi.encodePacked(hex"1901", token.DOMAIN_SEPARATOR(), structHash));
    }

    function test_R1_1_APermitOfTheOwnerStandsOnce() external {
        uint256 deadline = vm.getBlockTimestamp() + 1 hours;
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(keyOf("ada"), permitOf(5 * H, deadline));

        token.permit(ada, bo, 5 * H, deadline, v, r, s);

        vm.assertEq(token.allowance(ada, bo), 5 * H, "as the owner signed");
        vm.assertEq(token.nonces(ada), 1, "spent");
        vm.expectPartialRevert(ERC20Permit.ERC2612InvalidSigner.selector);
        token.permit(ada, bo, 5 * H, deadline, v, r, s);
    }

    function test_R1_1_APermitOfAnotherIsRefused() external {
        uint256 deadline = vm.getBlockTimestamp() + 1 hours;
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(keyOf("bo"), permitOf(5 * H, deadline));

        vm.expectRevert(abi.encodeWithSelector(ERC20Permit.ERC2612InvalidSigner.selector, bo, ada));
        token.permit(ada, bo, 5 * H, deadline, v, r, s);
    }

    /* TRANSFER */

    function testFuzz_R1_9_MovesExactlyTheAmount(uint256 amount) external {
        amount = bound(amount, 0, 500 * H);
        token.mint(ada, 1000 * H);

        vm.prank(ada);
        token.transfer(bo, amount);
        vm.prank(ada);
        token.approve(address(this), amount);
        token.transferFrom(ada, bo, amount);

        vm.assertEq(token.balanceOf(bo), 2 * amount, "R1.9: all of it arrives");
        vm.assertEq(token.balanceOf(ada), 1000 * H - 2 * amount, "R1.9: and no more is taken");
    }
}
